//! Kafka and ZooKeeper as jars, by Maven from its central repository, each checked against the committed list.
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

const POM: &str = include_str!("../../kafka/pom.xml");
const JARS: &str = include_str!("../../kafka/jars.sha256");

/// Kafka's home in the cache, verified; fetched first when it is not there.
pub fn fetch(places: &Places, progress: &Progress, java: &Java) -> Outcome<PathBuf> {
    let home = places.kafka_home();
    if home.exists() {
        let count =
            verify(&home).during(|| format!("verify {} (remove it to have it fetched again)", home.display()))?;
        progress.say(format!("kafka {KAFKA}: present, {count} jars match their SHA-256, {}", home.display()));
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
    progress.say(format!("kafka {KAFKA}: fetching Kafka and ZooKeeper 3.5.8 with mvn (about 20 s, 31 MB)"));
    let begun = Instant::now();
    let work = temporary(places, "kafka")?;
    let done = by_maven(places, &work, java).and_then(|()| {
        std::fs::remove_file(work.join("pom.xml")).during(|| "remove the pom".into())?;
        let count = verify(&work)?;
        move_into_place(&work, &home)?;
        Ok(count)
    });
    if done.is_err() {
        // The failure is what matters; a directory left over is replaced by the next attempt.
        let _ = std::fs::remove_dir_all(&work);
    }
    progress.say(format!(
        "kafka {KAFKA}: {} jars match their SHA-256, in {} ({})",
        done?,
        home.display(),
        seconds(begun.elapsed())
    ));
    Ok(home)
}

/// `-C`: a jar whose checksum is not the repository's is refused by Maven itself, before ours is looked at.
fn by_maven(places: &Places, work: &Path, java: &Java) -> Outcome<()> {
    std::fs::write(work.join("pom.xml"), POM).during(|| "write the pom".into())?;
    let mut mvn = Command::new("mvn");
    mvn.args(["--batch-mode", "--no-transfer-progress", "--strict-checksums"])
        .arg("org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", work.join("libs").display()))
        .current_dir(work)
        .env("JAVA_HOME", &java.home);
    child::logged(&mut mvn, &places.log("maven"))
}

/// The number of jars, when `libs/` holds just those of the committed list.
fn verify(home: &Path) -> Outcome<usize> {
    let expected = checksums::parse(JARS).during(|| "read xtask/kafka/jars.sha256".into())?;
    let found = checksums::of_dir(&home.join("libs"))?;
    let differences = checksums::differences(&expected, &found);
    if differences.is_empty() {
        Ok(expected.len())
    } else {
        Err(Failure::new(format!("the jars are not those of xtask/kafka/jars.sha256: {}", differences.join("; "))))
    }
}
