//! Where things are: the source tree, cargo's target directory, the cache that lives outside both.
//! Absent on purpose: what is put there; `fetch`, `demo` and `bench` know.

use std::env;
use std::path::{Path, PathBuf};

use crate::failure::{During, Failure, Outcome};

/// The version of Kafka that demo, tests and benchmarks run: the founding cluster's.
pub const KAFKA: &str = "2.6.0";

/// The places of one task.
#[derive(Debug, Clone)]
pub struct Places {
    /// The root of the source tree.
    pub root: PathBuf,
    /// Cargo's target directory, found from this very program, so that any way of moving it is followed.
    pub target: PathBuf,
    /// What was fetched, logs of children, and the directories of demos and benchmarks.
    pub cache: PathBuf,
}

impl Places {
    /// Finds all three and creates the cache.
    pub fn find() -> Outcome<Self> {
        let manifest =
            env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root =
            manifest.parent().map(Path::to_path_buf).ok_or_else(|| Failure::new("xtask has no parent directory"))?;
        let program = env::current_exe().during(|| "find this program's own path".into())?;
        let target = program
            .ancestors()
            .nth(2)
            .map(Path::to_path_buf)
            .ok_or_else(|| Failure::new(format!("{} is in no target directory", program.display())))?;
        let cache = cache_from(|name| env::var_os(name).map(PathBuf::from))?;
        std::fs::create_dir_all(&cache).during(|| format!("create the cache {}", cache.display()))?;
        let cache = cache.canonicalize().during(|| format!("resolve the cache {}", cache.display()))?;
        Ok(Self { root, target, cache })
    }

    /// Kafka's home in the cache, with its jars in `libs/`.
    pub fn kafka_home(&self) -> PathBuf {
        self.cache.join(format!("kafka-{KAFKA}"))
    }

    /// A log file for the output of children, in the cache.
    pub fn log(&self, name: &str) -> PathBuf {
        self.cache.join("logs").join(format!("{name}.log"))
    }

    /// The `kafka-node` binary of a cargo profile's directory ("release", "debug").
    pub fn binary(&self, profile: &str) -> PathBuf {
        self.target.join(profile).join("kafka-node")
    }
}

/// `$KAFKA_NODE_CACHE`, else `$XDG_CACHE_HOME/kafka-node`, else `~/.cache/kafka-node`; an empty or relative value
/// counts as unset, as the XDG rules have it.
fn cache_from(var: impl Fn(&str) -> Option<PathBuf>) -> Outcome<PathBuf> {
    let set = |name: &str| var(name).filter(|path| path.is_absolute());
    set("KAFKA_NODE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("kafka-node")))
        .or_else(|| set("HOME").map(|dir| dir.join(".cache/kafka-node")))
        .ok_or_else(|| {
            Failure::new("no place for the cache: set KAFKA_NODE_CACHE to an absolute path (HOME is not set either)")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(vars: &[(&str, &str)], expected: Option<&str>) {
        let found = cache_from(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value)));
        assert_eq!(found.ok(), expected.map(PathBuf::from));
    }

    #[test]
    fn the_cache_is_where_the_environment_says() {
        check(&[("KAFKA_NODE_CACHE", "/c"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")], Some("/c"));
        check(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")], Some("/x/kafka-node"));
        check(
            &[("KAFKA_NODE_CACHE", ""), ("XDG_CACHE_HOME", "relative"), ("HOME", "/h")],
            Some("/h/.cache/kafka-node"),
        );
        check(&[], None);
    }
}
