//! Every step on the machine of `machine`: done, verified, not done twice; and what happens when one fails.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use kafka_node::config::Config;
use kafka_node::host::setup::{Done, Setup};
use kafka_node::observe::host::HostRoot;
use kafka_node::plan::setup::{Request, State, Step};

use super::machine::{Fakes, kafka_ids, release, root, said};
use super::states::config;

/// Steps as `set_up` found them, and how each that wanted a change ended.
pub struct Run {
    pub steps: Vec<Step>,
    pub results: Vec<(String, Result<Done, String>)>,
    pub said: Vec<String>,
}

/// One run as the verb makes it, up to the first failure.
pub fn set_up(config: &Config, request: &Request, root: &HostRoot, fakes: &mut Fakes) -> Run {
    let mut setup = Setup::look(config, request, root, fakes);
    let steps = setup.steps();
    let (mut results, mut said) = (vec![], vec![]);
    if steps.iter().all(|step| step.obstacle().is_none()) {
        for step in steps.iter().filter(|step| step.changes()) {
            let result = setup.perform(&step.what, step.subject, &mut |deed| said.push(deed.to_owned()));
            let failed = result.is_err();
            results.push((step.what.clone(), result));
            if failed {
                break;
            }
        }
    }
    Run { steps, results, said }
}

fn request(archive: &Path) -> Request {
    Request { archive: Some(archive.to_path_buf()), ..Request::default() }
}

/// Every entry below `path` with owner, mode, size and target: what "nothing was changed" means.
fn picture(path: &Path) -> Vec<String> {
    let mut lines = vec![];
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("an entry").path();
            let meta = fs::symlink_metadata(&path).expect("it is there");
            let content = if meta.is_file() { fs::read(&path).expect("readable") } else { vec![] };
            let target = fs::read_link(&path).ok();
            lines.push(format!("{path:?} {} {} {:o} {target:?} {content:?}", meta.uid(), meta.gid(), meta.mode()));
            if meta.is_dir() {
                folders.push(path);
            }
        }
    }
    lines.sort();
    lines
}

#[test]
fn a_bare_machine_is_made_ready_and_a_second_run_changes_nothing() {
    let (dir, root) = root();
    let archive = release(dir.path(), "2.6.0", |_| {});
    let (config, request) = (config(""), request(&archive));
    let mut fakes = Fakes::new(&root);
    let run = set_up(&config, &request, &root, &mut fakes);
    assert_eq!(run.results.len(), 10, "{:?}", run.results);
    assert!(run.results.iter().all(|(_, result)| *result == Ok(Done::Changed)), "{:?}", run.results);
    let (uid, gid) = kafka_ids();
    for (path, mode) in [
        ("data/zookeeper", 0o750),
        ("data/kafka", 0o750),
        ("var/lib/kafka-node", 0o750),
        ("var/cache/kafka-node", 0o750),
        ("run/kafka-node", 0o755),
    ] {
        let meta = fs::metadata(dir.path().join(path)).expect(path);
        assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (uid, gid, mode), "{path}");
    }
    let above = fs::metadata(dir.path().join("data")).expect("made on the way");
    assert_eq!(above.mode() & 0o7777, 0o755);
    let own = fs::metadata("/proc/self").expect("our own process");
    assert_eq!(above.uid(), own.uid());
    assert_eq!(fs::read_link(dir.path().join("opt/kafka")).expect("a link"), Path::new("kafka-2.6.0"));
    for (path, mode) in [("", 0o755), ("bin", 0o755), ("bin/kafka-server-start.sh", 0o755), ("LICENSE", 0o644)] {
        let meta = fs::metadata(dir.path().join("opt/kafka").join(path)).expect(path);
        assert_eq!((meta.uid(), meta.mode() & 0o7777), (own.uid(), mode), "{path}");
    }
    assert_eq!(fs::read_to_string(dir.path().join("proc/sys/vm/swappiness")).expect("there"), "1");
    assert_eq!(fs::read_to_string(dir.path().join("firewall/present")).expect("there"), "ssh kafka zookeeper");

    // All that was run was shown, and nothing else.
    let below = dir.path().display().to_string();
    let commands = run.said.iter().flat_map(|deed| deed.lines()).filter_map(|line| line.strip_prefix("$ "));
    let shown: Vec<String> = commands.map(|line| line.replace(&below, "").replace('\'', "")).collect();
    let ran: Vec<String> = fakes.changes().iter().map(|call| call.replace(&below, "")).collect();
    assert_eq!(shown, ran);

    let before = picture(dir.path());
    let mut fakes = Fakes::new(&root);
    let again = set_up(&config, &request, &root, &mut fakes);
    assert!(again.steps.iter().all(|step| matches!(step.state, State::Already(_))), "{:#?}", again.steps);
    assert_eq!(fakes.changes(), Vec::<&str>::new());
    assert_eq!(picture(dir.path()), before);
}

#[test]
fn the_stock_log_files_get_a_directory_where_they_are_asked_for() {
    let (dir, root) = root();
    let run = set_up(&config("[log]\nfiles = true\n"), &Request::default(), &root, &mut Fakes::new(&root));
    assert!(run.results.iter().all(|(_, result)| *result == Ok(Done::Changed)), "{:?}", run.results);
    let meta = fs::metadata(dir.path().join("var/log/kafka-node")).expect("it was made");
    assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (kafka_ids().0, kafka_ids().1, 0o750));
    let (bare, root) = super::machine::root();
    set_up(&config(""), &Request::default(), &root, &mut Fakes::new(&root));
    assert!(!bare.path().join("var/log/kafka-node").exists(), "nobody asked for it");
}

#[test]
fn a_look_changes_nothing() {
    let (dir, root) = root();
    let archive = release(dir.path(), "2.6.0", |_| {});
    let before = picture(dir.path());
    let mut fakes = Fakes::new(&root);
    let (config, request) = (config(""), request(&archive));
    let steps = Setup::look(&config, &request, &root, &mut fakes).steps();
    assert_eq!(steps.iter().filter(|step| step.changes()).count(), 10);
    assert_eq!(fakes.changes(), Vec::<&str>::new());
    assert_eq!(picture(dir.path()), before);
}

#[test]
fn a_failing_step_stops_with_its_reason_and_the_next_run_goes_on_there() {
    let (dir, root) = root();
    let archive = release(dir.path(), "2.6.0", |_| {});
    let (config, request) = (config(""), request(&archive));
    let mut fakes = Fakes::new(&root);
    fakes.trick = Some(Box::new(|words| {
        let answer = || kafka_node::host::programs::Answer {
            code: Some(1),
            out: String::new(),
            err: "Error: the daemon is ill".into(),
        };
        words.iter().any(|word| word == "--add-service=zookeeper").then(|| Ok(answer()))
    }));
    let run = set_up(&config, &request, &root, &mut fakes);
    let (what, last) = run.results.last().expect("some were done");
    let error = last.as_ref().expect_err("it fails");
    assert_eq!((what.as_str(), run.results.len()), ("firewalld", 9));
    assert!(
        error.contains("--add-service=zookeeper") && error.contains("exit code 1: Error: the daemon is ill"),
        "{error}"
    );
    assert_eq!(
        fs::read_to_string(dir.path().join("proc/sys/vm/swappiness")).expect("there"),
        "60\n",
        "later steps wait"
    );

    let mut fakes = Fakes::new(&root);
    let again = set_up(&config, &request, &root, &mut fakes);
    let what: Vec<&str> = again.results.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(what, ["firewalld", "kernel settings"]);
    assert_eq!(fakes.changes().first(), Some(&"firewall-cmd --permanent --zone=public --add-service=zookeeper"));
}

#[test]
fn a_program_that_says_done_and_did_nothing_is_not_believed() {
    let (_dir, root) = root();
    let mut fakes = Fakes::new(&root);
    fakes.trick = Some(Box::new(|words| (words[0] == "useradd").then(|| said(0, ""))));
    let run = set_up(&config(""), &Request::default(), &root, &mut fakes);
    let error = run.results[0].1.as_ref().expect_err("there is no user");
    assert!(error.contains("it was done, and still: there is a group, and no user"), "{error}");
    assert_eq!(run.results.len(), 1);
}

#[test]
fn content_of_others_is_told_and_given_away_only_where_that_is_asked_for() {
    let (uid, gid) = kafka_ids();
    assert_eq!(fs::metadata("/proc/self").expect("ours").uid(), 0, "this test gives files away: run it as root");
    let (dir, root) = root();
    let data = dir.path().join("data/kafka");
    fs::create_dir_all(data.join("a-0")).expect("made");
    fs::create_dir_all(data.join("lost+found")).expect("made");
    fs::write(data.join("a-0/0.log"), "records").expect("written");
    fs::write(data.join("ours"), "").expect("written");
    chown(data.join("ours"), Some(uid), Some(gid)).expect("given");
    std::os::unix::fs::symlink("/etc/passwd", data.join("link")).expect("linked");
    let passwd = fs::metadata("/etc/passwd").expect("there").uid();

    let run = set_up(&config(""), &Request::default(), &root, &mut Fakes::new(&root));
    let content = run.steps.iter().find(|step| step.what == "content of /data/kafka").expect("it is told");
    // Before there is a user, all four are others'.
    let State::Left(words) = &content.state else { panic!("{content:?}") };
    assert!(words.starts_with("4 entries belong to others, e.g. /data/kafka/a-0; setup --chown"), "{words}");
    assert_eq!(fs::metadata(&data).expect("there").uid(), uid, "the directory itself");
    assert_eq!(fs::metadata(data.join("a-0")).expect("there").uid(), 0, "and not what is in it");

    let request = Request { chown: true, ..Request::default() };
    let run = set_up(&config(""), &request, &root, &mut Fakes::new(&root));
    assert_eq!(run.results.len(), 1, "{:?}", run.results);
    assert_eq!(run.results[0].1, Ok(Done::Changed));
    for entry in ["a-0", "a-0/0.log", "link"] {
        assert_eq!(fs::symlink_metadata(data.join(entry)).expect("there").uid(), uid, "{entry}");
    }
    assert_eq!(fs::metadata("/etc/passwd").expect("there").uid(), passwd);
}

#[test]
fn a_disk_of_fstab_that_is_not_mounted_keeps_everything_as_it_is() {
    let (dir, root) = root();
    fs::write(dir.path().join("etc/fstab"), "/dev/sdb1 /data xfs defaults 0 0\n").expect("written");
    let before = picture(dir.path());
    let run = set_up(&config(""), &Request::default(), &root, &mut Fakes::new(&root));
    let words: Vec<&str> = run.steps.iter().filter_map(Step::obstacle).collect();
    assert_eq!(words, ["/data is in /etc/fstab and not mounted: mount /data first"; 2]);
    assert!(run.results.is_empty());
    assert_eq!(picture(dir.path()), before);
}

#[test]
fn an_operators_own_sysctl_file_wins() {
    let (dir, root) = root();
    fs::create_dir_all(dir.path().join("etc/sysctl.d")).expect("made");
    fs::write(dir.path().join("etc/sysctl.d/99-ours.conf"), "vm.swappiness = 10\n").expect("written");
    let run = set_up(&config(""), &Request::default(), &root, &mut Fakes::new(&root));
    assert!(run.results.iter().all(|(_, result)| result.is_ok()), "{:?}", run.results);
    let value = |key: &str| fs::read_to_string(dir.path().join("proc/sys/vm").join(key)).expect("there");
    assert_eq!((value("swappiness").as_str(), value("max_map_count").as_str()), ("60\n", "262144"));
}
