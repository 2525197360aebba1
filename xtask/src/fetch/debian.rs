//! Java 11 from Debian bullseye, with apt lists, cache and sources of its own, unpacked beside the system.
//! The sources are the system's own with the suite replaced, so no host is named here and every mirror, proxy and
//! key the machine is set up with keeps counting. Absent on purpose: installing; the system's packages are untouched.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::{settle, temporary};
use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::places::Places;
use crate::progress::{Progress, seconds};

const PACKAGE: &str = "openjdk-11-jre-headless";
const SUITE: &str = "bullseye";

/// Fetches and unpacks Java 11 into `place`.
pub fn fetch(places: &Places, progress: &Progress, place: &Path) -> Outcome<()> {
    for program in ["apt-get", "dpkg"] {
        if child::on_path(program).is_none() {
            return Err(Failure::new(format!("this machine has no {program}")));
        }
    }
    progress.say(format!(
        "java 11: fetching {PACKAGE} from Debian {SUITE} (about 10 s, 51 MB); it is what the founding document runs on"
    ));
    let begun = Instant::now();
    let work = temporary(places, "java-11")?;
    let done = into(places, &work, place);
    let _ = fs::remove_dir_all(&work);
    done?;
    progress.say(format!("java 11: fetched and unpacked ({})", seconds(begun.elapsed())));
    Ok(())
}

fn into(places: &Places, work: &Path, place: &Path) -> Outcome<()> {
    let log = places.log("java-11");
    let apt = work.join("apt");
    for dir in ["sources", "lists/partial", "cache/archives/partial", "deb"] {
        fs::create_dir_all(apt.join(dir)).during(|| format!("create {dir}"))?;
    }
    write_sources(Path::new("/etc/apt"), &apt.join("sources"), SUITE)?;
    child::logged(Command::new("apt-get").args(apart(&apt)).arg("update"), &log)
        .during(|| format!("read the lists of {SUITE}"))?;
    child::logged(
        Command::new("apt-get").args(apart(&apt)).args(["download", PACKAGE]).current_dir(apt.join("deb")),
        &log,
    )
    .during(|| format!("download {PACKAGE}"))?;
    let deb = fs::read_dir(apt.join("deb"))
        .during(|| "look for the package".into())?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "deb"))
        .ok_or_else(|| Failure::new("apt-get downloaded nothing"))?;
    let tree = work.join("tree");
    child::logged(Command::new("dpkg").arg("-x").arg(&deb).arg(&tree), &log).during(|| "unpack the package".into())?;
    let jvm = tree.join("usr/lib/jvm");
    let home = fs::read_dir(&jvm)
        .during(|| format!("read {}", jvm.display()))?
        .flatten()
        .find(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .ok_or_else(|| Failure::new("the package holds no Java home"))?;
    keep_links_inside(&tree, &jvm.join(&home))?;
    let name = deb.file_stem().map(|name| name.to_string_lossy().replace("%3a", ":")).unwrap_or_default();
    settle(&tree, &format!("usr/lib/jvm/{home}"), 11, &format!("{name} from Debian {SUITE}"), place)
}

/// apt's options that keep its sources, lists and cache apart from the system's.
fn apart(apt: &Path) -> Vec<String> {
    let path = |dir: &str| apt.join(dir).display().to_string();
    [
        "Dir::Etc::sourcelist=/dev/null".to_owned(),
        format!("Dir::Etc::sourceparts={}", path("sources")),
        format!("Dir::State::lists={}", path("lists")),
        format!("Dir::Cache={}", path("cache")),
        // Downloads by the user _apt cannot write below a private home.
        "APT::Sandbox::User=root".to_owned(),
        // A suite out of support keeps its signature, but its lists are not renewed.
        "Acquire::Check-Valid-Until=false".to_owned(),
        "Acquire::Languages=none".to_owned(),
    ]
    .into_iter()
    .flat_map(|option| ["-o".to_owned(), option])
    .collect()
}

/// Writes the system's Debian sources with the suite replaced by `wanted`.
pub fn write_sources(etc: &Path, into: &Path, wanted: &str) -> Outcome<()> {
    let release = fs::read_to_string("/etc/os-release").during(|| "read /etc/os-release".into())?;
    let field = |key: &str| {
        release.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim_matches('"').to_owned())
    };
    if field("ID=").as_deref() != Some("debian") {
        return Err(Failure::new("this machine is no Debian, so its sources have no such suite"));
    }
    let codename = field("VERSION_CODENAME=").unwrap_or_else(|| "stable".to_owned());
    let parts = fs::read_dir(etc.join("sources.list.d"))
        .map(|dir| dir.flatten().map(|entry| entry.path()).collect::<Vec<_>>())
        .unwrap_or_default();
    let mut count = 0;
    for file in parts.into_iter().chain([etc.join("sources.list")]) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let (derived, end) = match file.extension().and_then(|end| end.to_str()) {
            Some("sources") => (from_stanzas(&text, &codename, wanted), "sources"),
            Some("list") => (from_lines(&text, &codename, wanted), "list"),
            _ => continue,
        };
        if !derived.is_empty() {
            count += 1;
            let target = into.join(format!("{count}.{end}"));
            fs::write(&target, derived).during(|| format!("write {}", target.display()))?;
        }
    }
    if count == 0 {
        return Err(Failure::new(format!("no source in {} is of the suite {codename}", etc.display())));
    }
    Ok(())
}

/// `bookworm-security` -> `bullseye-security`; `None` for a suite that is not Debian's own.
fn suite_of(suite: &str, codename: &str, wanted: &str) -> Option<String> {
    let rest = suite.strip_prefix(codename).or_else(|| suite.strip_prefix("stable"))?;
    matches!(rest, "" | "-updates" | "-security").then(|| format!("{wanted}{rest}"))
}

/// The stanzas of a deb822 file that are of Debian's own suites, for binaries of `main`, with the suite replaced.
fn from_stanzas(text: &str, codename: &str, wanted: &str) -> String {
    let mut derived = String::new();
    for stanza in text.split("\n\n") {
        let mut ours = false;
        let mut lines = String::new();
        for line in stanza.lines().filter(|line| !line.starts_with('#')) {
            let (key, value) = line.split_once(':').unwrap_or((line, ""));
            match key.to_ascii_lowercase().as_str() {
                "types" => lines.push_str("Types: deb\n"),
                "components" => lines.push_str("Components: main\n"),
                "suites" => {
                    let suites: Vec<String> =
                        value.split_whitespace().filter_map(|suite| suite_of(suite, codename, wanted)).collect();
                    ours = !suites.is_empty();
                    lines.push_str(&format!("Suites: {}\n", suites.join(" ")));
                }
                _ => {
                    lines.push_str(line);
                    lines.push('\n');
                }
            }
        }
        if ours {
            derived.push_str(lines.trim_start_matches('\n'));
            derived.push('\n');
        }
    }
    derived
}

/// The lines of a one-line-style file that are of Debian's own suites, for binaries of `main`, with the suite replaced.
fn from_lines(text: &str, codename: &str, wanted: &str) -> String {
    let mut derived = String::new();
    for line in text.lines() {
        let Some(rest) = line.trim().strip_prefix("deb ") else { continue };
        let (options, rest) = match rest.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((options, rest)) => (format!("[{options}] "), rest),
            None => (String::new(), rest),
        };
        let mut words = rest.split_whitespace();
        if let (Some(uri), Some(suite)) =
            (words.next(), words.next().and_then(|suite| suite_of(suite, codename, wanted)))
        {
            derived.push_str(&format!("deb {options}{uri} {suite} main\n"));
        }
    }
    derived
}

/// The package's links to `/etc/java-11-openjdk` are turned into the unpacked tree's own `etc`, relative, so that the
/// machine's `/etc` stays as it is. Without them Java finds no `jvm.cfg` and exits in silence.
fn keep_links_inside(tree: &Path, dir: &Path) -> Outcome<()> {
    for entry in fs::read_dir(dir).during(|| format!("read {}", dir.display()))?.flatten() {
        let path = entry.path();
        let kind = entry.file_type().during(|| format!("look at {}", path.display()))?;
        if kind.is_dir() {
            keep_links_inside(tree, &path)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).during(|| format!("read {}", path.display()))?;
            let inside = target.strip_prefix("/").ok().filter(|rest| tree.join(rest).exists());
            if let (Some(inside), Ok(place)) = (inside, path.strip_prefix(tree)) {
                fs::remove_file(&path).during(|| format!("replace {}", path.display()))?;
                std::os::unix::fs::symlink(relative(place, inside), &path)
                    .during(|| format!("link {}", path.display()))?;
            }
        }
    }
    Ok(())
}

/// The way from a link to a target, both given from the same root.
fn relative(link: &Path, target: &Path) -> PathBuf {
    let up = link.components().count().saturating_sub(1);
    std::iter::repeat_n(Component::ParentDir, up).collect::<PathBuf>().join(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_debians_own_stanzas_are_derived() {
        let text = "# a comment\nTypes: deb deb-src\nURIs: mirror:/x\nSuites: bookworm bookworm-updates bookworm-backports\nComponents: main contrib\nSigned-By: /k.gpg\n\n\
                    Types: deb\nURIs: mirror:/y\nSuites: bookworm-security\nComponents: main\n\nTypes: deb\nURIs: mirror:/z\nSuites: cloud-bookworm\nComponents: main\n";
        assert_eq!(
            from_stanzas(text, "bookworm", SUITE),
            "Types: deb\nURIs: mirror:/x\nSuites: bullseye bullseye-updates\nComponents: main\nSigned-By: /k.gpg\n\n\
             Types: deb\nURIs: mirror:/y\nSuites: bullseye-security\nComponents: main\n\n"
        );
    }

    #[test]
    fn only_debians_own_lines_are_derived() {
        let text = "# deb mirror:/c bookworm main\ndeb [signed-by=/k.gpg arch=amd64] mirror:/x bookworm main contrib\ndeb-src mirror:/x bookworm main\n\
                    deb mirror:/y stable-security main\ndeb mirror:/z nodistro main\ndeb broken\n";
        assert_eq!(
            from_lines(text, "bookworm", SUITE),
            "deb [signed-by=/k.gpg arch=amd64] mirror:/x bullseye main\ndeb mirror:/y bullseye-security main\n"
        );
    }

    #[test]
    fn links_lead_up_and_into_the_tree() {
        assert_eq!(
            relative(Path::new("usr/lib/jvm/j/lib/jvm.cfg"), Path::new("etc/j/jvm.cfg")),
            Path::new("../../../../../etc/j/jvm.cfg")
        );
    }
}
