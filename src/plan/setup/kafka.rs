//! The release: unpacked beside `[kafka] home` under its version, and `home` a link to it. What stands there is never replaced or removed.
//!
//! Absent on purpose: restarting what runs from the old version, and removing old versions.

use std::path::{Path, PathBuf};

use crate::config::Config;

use super::{Archive, Contents, Deed, KafkaFacts, Place, Request, State, Step, Subject, Versioned};

/// Bytes that stay free beside an unpacked release.
const SPARE: u64 = 64 << 20;

/// Where a release of `version` is unpacked: beside `home`, `/opt/kafka-2.6.0` for `/opt/kafka`.
pub fn versioned_path(home: &Path, version: &str) -> PathBuf {
    home.with_file_name(format!("kafka-{version}"))
}

/// What is installed, or the two steps of an archive.
pub(super) fn steps(config: &Config, facts: &KafkaFacts, request: &Request) -> Vec<Step> {
    let home = &config.kafka.home;
    match (&request.archive, &facts.archive) {
        (Some(path), Some(archive)) => match judged(path, archive, request) {
            Ok((archive, contents)) => from_archive(home, facts, path, archive, contents, request),
            Err(words) => vec![step(format!("Kafka from {}", path.display()), State::Cannot(words))],
        },
        _ => vec![installed(home, facts)],
    }
}

fn step(what: impl Into<String>, state: State) -> Step {
    Step::new(Subject::Kafka, what, "both JVMs run from its libs directory", state)
}

/// The archive and what is in it, or why it is not taken.
fn judged<'a>(
    path: &Path,
    archive: &'a Result<Archive, String>,
    request: &Request,
) -> Result<(&'a Archive, &'a Contents), String> {
    let archive = archive.as_ref().map_err(Clone::clone)?;
    if let Some(given) = request.sha512.as_ref().filter(|given| **given != archive.sha512) {
        let shown = path.display();
        return Err(format!(
            "{shown} has the SHA-512 {}, and --sha512 says {given}: it is not the file of that page, or not all of it",
            archive.sha512
        ));
    }
    let contents = archive.contents.as_ref().map_err(|words| format!("{} is refused: {words}", path.display()))?;
    Ok((archive, contents))
}

fn installed(home: &Path, facts: &KafkaFacts) -> Step {
    let shown = home.display();
    let state = match (&facts.home, &facts.version) {
        (Place::Missing, _) => State::Left(
            "nothing is there yet: setup --kafka FILE unpacks a release, e.g. kafka_2.13-2.6.0.tgz".to_owned(),
        ),
        (Place::Link(target), Some(version)) => {
            State::Already(format!("Kafka {version}, a link to {}", target.display()))
        }
        (_, Some(version)) => State::Already(format!("Kafka {version}")),
        (_, None) => State::Left(format!("{shown}/libs has no kafka_*.jar: setup --kafka FILE unpacks a release")),
    };
    step(format!("Kafka in {shown}"), state)
}

fn from_archive(
    home: &Path,
    facts: &KafkaFacts,
    path: &Path,
    archive: &Archive,
    contents: &Contents,
    request: &Request,
) -> Vec<Step> {
    let target = versioned_path(home, &contents.version);
    let what = format!("Kafka {} in {}", contents.version, target.display());
    if facts.home == Place::Directory && target != home {
        let state = match &facts.in_home {
            Versioned::Complete => State::Already(format!(
                "{} has every program of the archive; it is a directory, not a link to one, and stays so",
                home.display()
            )),
            _ => State::Cannot(format!(
                "{0} is a directory, and none is ever replaced: move it away (mv {0} {0}-old), or leave --kafka out and keep it",
                home.display()
            )),
        };
        return vec![step(what, state)];
    }
    let compared = match request.sha512 {
        Some(_) => "as given",
        None => "not compared: --sha512 takes the one of the download page",
    };
    let words = format!("SHA-512 {} ({compared})", archive.sha512);
    let needed = contents.total.saturating_add(SPARE);
    let unpack = match (&facts.versioned, facts.free) {
        (Versioned::Complete, _) => {
            step(what, State::Already(format!("every program of the archive is there; {words}")))
        }
        (Versioned::Lacks(count, example), _) => step(
            what,
            State::Cannot(format!(
                "{} is there and {count} of its programs are not as in the archive, e.g. {example}: move it away",
                target.display()
            )),
        ),
        (Versioned::Other, _) => step(what, State::Cannot(format!("{} is not a directory", target.display()))),
        (Versioned::Missing, Some(free)) if free < needed => {
            step(what, State::Cannot(format!("it takes {} MiB, and {} MiB are free there", needed >> 20, free >> 20)))
        }
        (Versioned::Missing, _) => {
            let deed = Deed::Unpack {
                archive: path.to_path_buf(),
                sha512: archive.sha512.clone(),
                contents: contents.clone(),
                target: target.clone(),
            };
            step(what, State::Change(format!("it is not there; {words}"))).deeds(vec![deed])
        }
    };
    let mut steps = vec![unpack];
    if target != home {
        steps.push(link(home, facts, &target));
    }
    steps
}

fn link(home: &Path, facts: &KafkaFacts, target: &Path) -> Step {
    let name = PathBuf::from(target.file_name().unwrap_or_default());
    let what = format!("{} -> {}", home.display(), name.display());
    let link =
        |state| Step::new(Subject::Kafka, what.clone(), "[kafka] home stays the same whatever the version", state);
    let deeds = vec![Deed::Link { link: home.to_path_buf(), target: name.clone() }];
    match &facts.home {
        Place::Link(present) if *present == name || present == target => {
            link(State::Already("it points there".to_owned()))
        }
        Place::Link(present) => {
            let mut step = link(State::Change(format!("it points to {}", present.display()))).deeds(deeds);
            let version = facts.version.as_deref().unwrap_or("unknown");
            step.warnings.push(format!(
                "what runs from the old version ({version}) opens jars by this link: restart the node soon afterwards, and other nodes \
                 after it, one at a time"
            ));
            step
        }
        Place::Missing => link(State::Change("there is no such link".to_owned())).deeds(deeds),
        Place::Directory | Place::Other => {
            link(State::Cannot(format!("{} is not a link, and is never replaced: move it away", home.display())))
        }
    }
}
