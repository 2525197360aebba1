//! The release: what an archive may not do, and what a death in the middle of unpacking leaves to the next run.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use kafka_node::host::programs::{Programs, System};
use kafka_node::host::setup::Done;
use kafka_node::observe::host::HostRoot;
use kafka_node::plan::setup::{Request, Step};

use super::machine::{Fakes, pack, release, root};
use super::states::config;
use super::steps::set_up;

/// Tells the child of [`a_death_while_unpacking_leaves_nothing_half`] below which root, and when, to die.
const DIES_BELOW: &str = "KAFKA_NODE_TEST_DIES_BELOW";
const DIES_WHEN: &str = "KAFKA_NODE_TEST_DIES_WHEN";

fn request(archive: &Path) -> Request {
    Request { archive: Some(archive.to_path_buf()), ..Request::default() }
}

/// The words with which an archive is refused; nothing was unpacked then.
#[track_caller]
fn refused(root: &HostRoot, request: &Request) -> String {
    let run = set_up(&config(""), request, root, &mut Fakes::new(root));
    assert!(run.results.is_empty(), "{:?}", run.results);
    let names: Vec<_> =
        fs::read_dir(root.at("/opt")).expect("there").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["x"]);
    run.steps.iter().filter_map(Step::obstacle).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_archive_that_reaches_outside_its_directory_is_refused() {
    let (dir, root) = root();
    let linked = release(dir.path(), "2.6.1", |top| symlink("/etc", top.join("etc")).expect("linked"));
    assert!(refused(&root, &request(&linked)).contains("is a link"));
    let hard = release(dir.path(), "2.6.2", |top| {
        fs::hard_link(top.join("LICENSE"), top.join("LICENSE2")).expect("linked");
    });
    assert!(refused(&root, &request(&hard)).contains("is a link"));
    release(dir.path(), "2.6.3", |_| {});
    let upward = dir.path().join("upward.tgz");
    let rename = "--transform=s|LICENSE|../../../etc/cron.d/x|";
    pack(&upward, dir.path(), &["-P", rename, "kafka_2.13-2.6.3"]);
    assert!(refused(&root, &request(&upward)).contains("upward"));
    let absolute = dir.path().join("absolute.tgz");
    pack(&absolute, dir.path(), &["-P", "--transform=s|^.*LICENSE|/etc/cron.d/x|", "kafka_2.13-2.6.3"]);
    assert!(refused(&root, &request(&absolute)).contains("absolute"));
}

#[test]
fn what_is_no_release_is_refused() {
    let (dir, root) = root();
    let text = dir.path().join("kafka_2.13-2.6.0.tgz");
    fs::write(&text, "<html>404</html>").expect("written");
    assert!(refused(&root, &request(&text)).contains("not in gzip format"));
    assert!(refused(&root, &request(&dir.path().join("nothing.tgz"))).contains("cannot be read"));
    assert!(refused(&root, &request(dir.path())).contains("is not a file"));
    let good = release(dir.path(), "2.6.0", |_| {});
    let cut = dir.path().join("cut.tgz");
    let bytes = fs::read(&good).expect("there");
    fs::write(&cut, &bytes[..bytes.len() / 2]).expect("written");
    let words = refused(&root, &request(&cut));
    assert!(words.contains("tar") && words.contains("exit code"), "{words}");
    let huge = dir.path().join("huge.tgz");
    fs::File::create(&huge).and_then(|file| file.set_len(513 << 20)).expect("made");
    assert!(refused(&root, &request(&huge)).contains("513 MiB"));
}

#[test]
fn the_checksum_is_shown_and_compared() {
    let (dir, root) = root();
    let archive = release(dir.path(), "2.6.0", |_| {});
    let told = System.run(&["sha512sum".to_owned(), archive.display().to_string()]).expect("it runs").out;
    let told = told.split(' ').next().expect("digits").to_owned();
    let wrong = Request { sha512: Some("0".repeat(128)), ..request(&archive) };
    let words = refused(&root, &wrong);
    assert!(words.contains(&told) && words.contains(&"0".repeat(128)), "{words}");
    // To tar a name with a colon would mean another host, and sha512sum puts a backslash before the digits of an odd name.
    let odd = dir.path().join("host:odd\\name.tgz");
    fs::copy(&archive, &odd).expect("copied");
    let right = Request { sha512: Some(told), ..request(&odd) };
    let run = set_up(&config(""), &right, &root, &mut Fakes::new(&root));
    assert!(run.results.iter().all(|(_, result)| *result == Ok(Done::Changed)), "{:?}", run.results);
}

#[test]
fn a_file_that_changes_after_the_look_is_not_unpacked() {
    let (dir, root) = root();
    let archive = release(dir.path(), "2.6.0", |_| {});
    let mut fakes = Fakes::new(&root);
    let changed = archive.clone();
    fakes.trick = Some(Box::new(move |words| {
        if words[0] == "groupadd" {
            fs::write(&changed, "another").expect("written");
        }
        None
    }));
    let run = set_up(&config(""), &request(&archive), &root, &mut fakes);
    let error = run.results.last().expect("some").1.as_ref().expect_err("it is another file").clone();
    assert!(error.contains("is not the file any more that was looked at"), "{error}");
    assert!(!dir.path().join("opt/kafka-2.6.0").exists());
}

#[test]
fn a_directory_at_home_is_never_replaced_and_another_version_is_switched_to() {
    let (dir, root) = root();
    let (older, newer) = (release(dir.path(), "2.6.0", |_| {}), release(dir.path(), "2.6.1", |_| {}));
    let home = dir.path().join("opt/kafka");
    fs::create_dir_all(home.join("libs")).expect("made");
    let run = set_up(&config(""), &request(&older), &root, &mut Fakes::new(&root));
    let words: Vec<&str> = run.steps.iter().filter_map(Step::obstacle).collect();
    assert_eq!(words.len(), 1);
    assert!(words[0].contains("/opt/kafka is a directory, and none is ever replaced"), "{words:?}");
    fs::remove_dir_all(&home).expect("the operator moves it");

    for (archive, target) in [(&older, "kafka-2.6.0"), (&newer, "kafka-2.6.1"), (&older, "kafka-2.6.0")] {
        let run = set_up(&config(""), &request(archive), &root, &mut Fakes::new(&root));
        assert!(run.results.iter().all(|(_, result)| *result == Ok(Done::Changed)), "{:?}", run.results);
        assert_eq!(fs::read_link(&home).expect("a link"), Path::new(target));
    }
    // Both stay; an operator's edit of a configuration file in one is no reason to refuse it, a damaged jar is.
    fs::write(dir.path().join("opt/kafka-2.6.0/config/server.properties"), "broker.id=12345\n").expect("written");
    let run = set_up(&config(""), &request(&older), &root, &mut Fakes::new(&root));
    assert!(run.steps.iter().all(|step| step.obstacle().is_none() && !step.changes()), "{:#?}", run.steps);
    fs::write(dir.path().join("opt/kafka-2.6.0/libs/zookeeper-3.5.8.jar"), "").expect("written");
    let run = set_up(&config(""), &request(&older), &root, &mut Fakes::new(&root));
    let words: Vec<&str> = run.steps.iter().filter_map(Step::obstacle).collect();
    assert!(
        words[0].contains("1 of its programs are not as in the archive, e.g. libs/zookeeper-3.5.8.jar"),
        "{words:?}"
    );
}

#[test]
fn a_tar_that_fails_leaves_nothing() {
    let (dir, root) = root();
    let archive = release(dir.path(), "2.6.0", |_| {});
    let mut fakes = Fakes::new(&root);
    fakes.trick = Some(Box::new(|words| {
        if words[0] == "tar" && words[2] == "--extract" {
            let _ = System.run(words);
            let answer = kafka_node::host::programs::Answer {
                code: Some(2),
                out: String::new(),
                err: "tar: No space left on device".into(),
            };
            return Some(Ok(answer));
        }
        None
    }));
    let run = set_up(&config(""), &request(&archive), &root, &mut fakes);
    let error = run.results.last().expect("some").1.as_ref().expect_err("tar failed").clone();
    assert!(error.contains("exit code 2: tar: No space left on device"), "{error}");
    let names: Vec<_> =
        fs::read_dir(root.at("/opt")).expect("there").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["x"]);
}

/// Not a test by itself: the child that dies. Without its environment there is nothing to do.
#[test]
fn child_that_dies_while_unpacking() {
    let (Some(below), Ok(when)) = (std::env::var_os(DIES_BELOW), std::env::var(DIES_WHEN)) else { return };
    let root = HostRoot { root: PathBuf::from(&below), environment: vec![] };
    let mut fakes = Fakes::new(&root);
    fakes.trick = Some(Box::new(move |words| {
        if words[0] == "tar" && words[2] == "--extract" {
            if when == "unpacked" {
                System.run(words).expect("tar runs");
            } else {
                // Half of it: what a power cut leaves.
                let staging = &words[words.iter().position(|word| word == "--directory").expect("said") + 1];
                fs::create_dir(Path::new(staging).join("libs")).expect("made");
                fs::write(Path::new(staging).join("libs/kafka_2.13-2.6.0.jar"), "PK").expect("written");
            }
            std::process::abort();
        }
        None
    }));
    let archive = root.root.join("kafka_2.13-2.6.0.tgz");
    set_up(&config(""), &request(&archive), &root, &mut fakes);
}

#[test]
fn a_death_while_unpacking_leaves_nothing_half() {
    for when in ["half", "unpacked"] {
        let (dir, root) = root();
        let archive = release(dir.path(), "2.6.0", |_| {});
        let child = Command::new(std::env::current_exe().expect("ourselves"))
            .args(["--exact", "release::child_that_dies_while_unpacking", "--test-threads=1"])
            .env(DIES_BELOW, dir.path())
            .env(DIES_WHEN, when)
            .output()
            .expect("it runs");
        assert_eq!(child.status.signal(), Some(6), "{child:?}");
        let staging = dir.path().join("opt/.kafka-2.6.0.unpacking");
        assert!(staging.join("libs/kafka_2.13-2.6.0.jar").exists(), "{when}: it died in the middle");
        assert!(!dir.path().join("opt/kafka-2.6.0").exists() && !dir.path().join("opt/kafka").exists(), "{when}");

        let run = set_up(&config(""), &request(&archive), &root, &mut Fakes::new(&root));
        assert!(run.results.iter().all(|(_, result)| *result == Ok(Done::Changed)), "{:?}", run.results);
        assert_eq!(run.results[0].0, "Kafka 2.6.0 in /opt/kafka-2.6.0", "{when}: it goes on where the dead one was");
        assert!(!staging.exists(), "{when}");
        let jar = fs::read_to_string(dir.path().join("opt/kafka/libs/kafka_2.13-2.6.0.jar")).expect("there");
        assert_eq!(jar, "PK kafka", "{when}");
    }
}
