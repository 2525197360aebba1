//! What journald takes of this unit, by its configuration on this machine.
//!
//! journald reads one main file and the drop-ins of all its directories, of which one with the same name counts in the first
//! directory only; drop-ins come after the main file, in the order of their names. Absent on purpose: what the files say
//! (`logs::limit`).
//!
//! Effects: reads files, a few hundred bytes in all, once at the start.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::logs::{Configured, limit};

/// Where systemd looks, the first place before the others, below the root. The file of systemd 254 and later may stand in
/// `usr/lib` alone.
const PLACES: [&str; 5] = ["etc", "run", "usr/local/lib", "usr/lib", "lib"];
const MAIN: &str = "systemd/journald.conf";
const DROP_INS: &str = "systemd/journald.conf.d";

/// Reads journald's configuration below `root`, which is `/` but for tests. What cannot be read is said and counts as absent.
pub(super) fn read(root: &Path) -> Configured {
    let mut files = Vec::new();
    let mut words = Vec::new();
    let main = PLACES.iter().map(|place| root.join(place).join(MAIN)).find(|path| path.exists());
    for path in main.into_iter().chain(drop_ins(root)) {
        match fs::read(&path) {
            Ok(bytes) => files.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => words.push(format!("{} cannot be read: {error}", path.display())),
        }
    }
    let mut configured = limit(&files);
    configured.words.splice(..0, words);
    configured
}

fn drop_ins(root: &Path) -> Vec<PathBuf> {
    let mut by_name = BTreeMap::new();
    for place in PLACES {
        let Ok(entries) = fs::read_dir(root.join(place).join(DROP_INS)) else { continue };
        for entry in entries.flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "conf") {
                by_name.entry(entry.file_name()).or_insert_with(|| entry.path());
            }
        }
    }
    by_name.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::logs::{LOWEST, Limit};

    struct Root(tempfile::TempDir);

    impl Root {
        fn new() -> Root {
            Root(tempfile::tempdir().expect("a directory"))
        }

        fn with(self, path: &str, text: &str) -> Root {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
            fs::write(path, text).expect("a file");
            self
        }

        #[track_caller]
        fn check(&self, burst: u64) {
            let expected = Limit { burst, interval: Duration::from_secs(30) };
            assert_eq!(read(self.0.path()), Configured { limit: Some(expected), words: Vec::new() });
        }
    }

    const STOCK: &str = "[Journal]\n#RateLimitBurst=10000\n";

    #[test]
    fn a_machine_without_a_journal_has_the_lowest_limit() {
        assert_eq!(read(Root::new().0.path()), Configured { limit: Some(LOWEST), words: Vec::new() });
    }

    #[test]
    fn the_first_main_file_counts() {
        let root = Root::new().with("usr/lib/systemd/journald.conf", STOCK);
        root.check(10_000);
        root.with("etc/systemd/journald.conf", "[Journal]\nRateLimitBurst=7\n").check(7);
    }

    #[test]
    fn drop_ins_come_in_the_order_of_their_names_and_after_the_main_file() {
        let root = Root::new()
            .with("etc/systemd/journald.conf", "[Journal]\nRateLimitBurst=7\n")
            .with("usr/lib/systemd/journald.conf.d/50-b.conf", "[Journal]\nRateLimitBurst=50\n")
            .with("etc/systemd/journald.conf.d/10-a.conf", "[Journal]\nRateLimitBurst=10\n")
            .with("etc/systemd/journald.conf.d/90-c.txt", "[Journal]\nRateLimitBurst=90\n");
        root.check(50);
        // The same name in an earlier directory hides it, as with an empty file.
        root.with("run/systemd/journald.conf.d/50-b.conf", "").check(10);
    }

    #[test]
    fn a_link_to_the_null_device_hides_what_has_its_name() {
        let root = Root::new()
            .with("usr/lib/systemd/journald.conf.d/50-b.conf", "[Journal]\nRateLimitBurst=50\n")
            .with("etc/systemd/journald.conf.d/10-a.conf", "[Journal]\nRateLimitBurst=10\n");
        let link = root.0.path().join("etc/systemd/journald.conf.d/50-b.conf");
        std::os::unix::fs::symlink("/dev/null", link).expect("a link");
        root.check(10);
    }

    #[test]
    fn what_is_no_file_is_said() {
        let root = Root::new().with("etc/systemd/journald.conf.d/10-a.conf/file", "");
        let words = read(root.0.path()).words;
        assert!(words.len() == 1 && words[0].contains("10-a.conf cannot be read"), "{words:?}");
    }
}
