//! Kafka and ZooKeeper as jars, by Maven from its central repository, each checked against the committed list; and, in a
//! directory of their own so that no broker has them on its class path, Kafka's test tools.
//! Absent on purpose: the stock `bin/` and `config/`. kafka-node needs neither, and the benchmark composes the
//! stock command lines itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::java::Java;
use super::{move_into_place, packages, temporary};
use crate::checksums;
use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::places::{KAFKA, Places};
use crate::progress::{Progress, seconds};

/// One set of jars.
struct Jars {
    /// What it is called in messages.
    name: &'static str,
    /// What Maven is asked for.
    pom: &'static str,
    /// What it must bring, and where that list stands.
    sums: &'static str,
    list: &'static str,
    /// What is about to be fetched, in words.
    what: &'static str,
}

const HOME: Jars = Jars {
    name: "kafka",
    pom: include_str!("../../kafka/pom.xml"),
    sums: include_str!("../../kafka/jars.sha256"),
    list: "xtask/kafka/jars.sha256",
    what: "Kafka and ZooKeeper 3.5.8 with mvn (about 20 s, 31 MB)",
};
const TOOLS: Jars = Jars {
    name: "kafka-tools",
    pom: include_str!("../../kafka/tools-pom.xml"),
    sums: include_str!("../../kafka/tools.sha256"),
    list: "xtask/kafka/tools.sha256",
    what: "Kafka's test tools with mvn (0.5 MB)",
};

/// Kafka's home in the cache, verified; fetched first when it is not there.
pub fn fetch(places: &Places, progress: &Progress, java: &Java) -> Outcome<PathBuf> {
    HOME.fetch(places, progress, java, places.kafka_home())
}

/// The test tools of the same release: jars to put before Kafka's own.
pub fn tools(places: &Places, progress: &Progress, java: &Java) -> Outcome<PathBuf> {
    TOOLS.fetch(places, progress, java, places.cache.join(format!("kafka-tools-{KAFKA}")))
}

impl Jars {
    fn fetch(&self, places: &Places, progress: &Progress, java: &Java, home: PathBuf) -> Outcome<PathBuf> {
        let name = self.name;
        if home.exists() {
            let count = self
                .verify(&home)
                .during(|| format!("verify {} (remove it to have it fetched again)", home.display()))?;
            progress.say(format!("{name} {KAFKA}: present, {count} jars match their SHA-256, {}", home.display()));
            return Ok(home);
        }
        if child::on_path("mvn").is_none() {
            packages::install(
                places,
                progress,
                &[packages::MAVEN],
                "Kafka and ZooKeeper come from Maven Central through `mvn`",
            )?;
        }
        progress.say(format!("{name} {KAFKA}: fetching {}", self.what));
        let begun = Instant::now();
        let work = temporary(places, name)?;
        let done = self.by_maven(places, &work, java).and_then(|()| {
            std::fs::remove_file(work.join("pom.xml")).during(|| "remove the pom".into())?;
            let count = self.verify(&work)?;
            move_into_place(&work, &home)?;
            Ok(count)
        });
        if done.is_err() {
            // The failure is what matters; a directory left over is replaced by the next attempt.
            let _ = std::fs::remove_dir_all(&work);
        }
        progress.say(format!(
            "{name} {KAFKA}: {} jars match their SHA-256, in {} ({})",
            done?,
            home.display(),
            seconds(begun.elapsed())
        ));
        Ok(home)
    }

    /// `-C`: a jar whose checksum is not the repository's is refused by Maven itself, before ours is looked at.
    fn by_maven(&self, places: &Places, work: &Path, java: &Java) -> Outcome<()> {
        std::fs::write(work.join("pom.xml"), self.pom).during(|| "write the pom".into())?;
        let mut mvn = Command::new("mvn");
        mvn.args(["--batch-mode", "--no-transfer-progress", "--strict-checksums"])
            .arg("org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies")
            .arg(format!("-DoutputDirectory={}", work.join("libs").display()))
            .current_dir(work)
            .env("JAVA_HOME", &java.home);
        child::logged(&mut mvn, &places.log("maven"))
    }

    /// The number of jars, when `libs/` holds just those of the committed list.
    fn verify(&self, home: &Path) -> Outcome<usize> {
        let expected = checksums::parse(self.sums).during(|| format!("read {}", self.list))?;
        let found = checksums::of_dir(&home.join("libs"))?;
        let differences = checksums::differences(&expected, &found);
        if differences.is_empty() {
            Ok(expected.len())
        } else {
            Err(Failure::new(format!("the jars are not those of {}: {}", self.list, differences.join("; "))))
        }
    }
}
