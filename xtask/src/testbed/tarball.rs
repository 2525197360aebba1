//! Kafka as its project ships it, made from the jars in the cache: `kafka_2.13-2.6.0/{bin,config,libs}` in a tarball.
//! Absent on purpose: the stock scripts' contents. kafka-node runs none of them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::child;
use crate::failure::{During, Outcome};
use crate::fetch;
use crate::places::{KAFKA, Places};
use crate::progress::Progress;

/// Scripts and settings whose names a look at the tree expects.
const STUBS: [(&str, &str); 6] = [
    ("bin/kafka-server-start.sh", "#!/bin/sh\nexit 1\n"),
    ("bin/zookeeper-server-start.sh", "#!/bin/sh\nexit 1\n"),
    ("bin/kafka-topics.sh", "#!/bin/sh\nexit 1\n"),
    ("config/server.properties", "broker.id=0\n"),
    ("config/zookeeper.properties", "dataDir=/tmp/zookeeper\nclientPort=2181\nmaxClientCnxns=0\n"),
    ("config/log4j.properties", "log4j.rootLogger=INFO, stdout\n"),
];

/// The tarball, in the cache; made first when it is not there.
pub fn kafka(places: &Places, progress: &Progress) -> Outcome<PathBuf> {
    let name = format!("kafka_2.13-{KAFKA}");
    let tarball = places.cache.join("testbed").join(format!("{name}.tgz"));
    if tarball.is_file() {
        return Ok(tarball);
    }
    let home = fetch::fetch(places, progress)?.kafka_home;
    let work = fetch::temporary(places, "tarball")?;
    let tree = work.join(&name);
    for dir in ["bin", "config"] {
        fs::create_dir_all(tree.join(dir)).during(|| format!("create {dir}"))?;
    }
    for (path, text) in STUBS {
        fs::write(tree.join(path), text).during(|| format!("write {path}"))?;
    }
    std::os::unix::fs::symlink(home.join("libs"), tree.join("libs")).during(|| "link the jars".into())?;
    let fresh = work.join("fresh.tgz");
    let mut tar = Command::new("tar");
    // The jars are packed already: the fastest level loses nothing.
    tar.args(["--create", "--dereference", "--use-compress-program=gzip -1", "--owner=root:0", "--group=root:0"]);
    tar.args(["--mode=u=rwX,go=rX", "--directory"]).arg(&work).arg("--file").arg(&fresh).arg(&name);
    let made = child::logged(&mut tar, &places.log("tarball"))
        .and_then(|()| fs::rename(&fresh, &tarball).during(|| format!("name {}", tarball.display())));
    let _ = fs::remove_dir_all(&work);
    made?;
    progress.say(format!("tarball: made {}", tarball.display()));
    Ok(tarball)
}
