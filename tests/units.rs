//! The unit files against what systemd 219 knows: a directive that it rejects, or reads in another way, shows itself only on
//! CentOS 7, at boot. Absent on purpose: starting it under a real systemd; the container tests do.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The units around the one of the service.
const BESIDE: [&str; 3] = ["kafka-node-reboot.service", "kafka-node-reboot.path", "kafka-node-reboot.timer"];

/// One directive that a unit may have.
struct Allowed {
    section: &'static str,
    name: &'static str,
    /// The version of systemd that introduced it; 0 for those older than any that anybody still runs.
    since: u16,
    /// Why it is fit for 219: what that makes of it, or how it stands without it.
    reason: &'static str,
}

const fn unit_(name: &'static str, since: u16, reason: &'static str) -> Allowed {
    Allowed { section: "[Unit]", name, since, reason }
}

const fn path(name: &'static str, since: u16, reason: &'static str) -> Allowed {
    Allowed { section: "[Path]", name, since, reason }
}

const fn timer(name: &'static str, since: u16, reason: &'static str) -> Allowed {
    Allowed { section: "[Timer]", name, since, reason }
}

const fn service(name: &'static str, since: u16, reason: &'static str) -> Allowed {
    Allowed { section: "[Service]", name, since, reason }
}

/// What 219 knows.
const KNOWN_TO_219: &[Allowed] = &[
    unit_("Description", 0, "for people"),
    unit_("Documentation", 0, "for people"),
    unit_("Wants", 0, "a wish, never a requirement"),
    unit_("After", 0, "order alone"),
    service("Type", 0, "notify; oneshot"),
    service("NotifyAccess", 0, "main"),
    service("ExecStart", 0, "without a prefix"),
    service("ExecReload", 0, "with $MAINPID"),
    service("ExecStopPost", 0, "runs after a crash too; the sweep has a mark of its own of an intended stop"),
    service("EnvironmentFile", 0, "with the prefix -"),
    service("User", 0, "by name"),
    service("Group", 0, "by name"),
    service("SupplementaryGroups", 0, "by name; the group is in every distribution's first /etc/group"),
    service("UMask", 0, "octal"),
    service("WatchdogSec", 0, "counts from READY=1 on"),
    service("Restart", 0, "always: the result of a watchdog's kill is a signal"),
    service("RestartSec", 0, "in seconds"),
    service("RestartPreventExitStatus", 189, "codes by number"),
    service("SuccessExitStatus", 189, "codes by number"),
    service(
        "StartLimitInterval",
        0,
        "in [Service], and not ...IntervalSec in [Unit], until 230; later ones still take it",
    ),
    service("TimeoutStartSec", 188, "0 is no limit; infinity is none at all"),
    service("TimeoutStopSec", 188, "a number of seconds; infinity is none at all"),
    service("KillMode", 0, "process: the JVMs live on"),
    service("LimitNOFILE", 0, "soft and hard"),
    service("LimitNPROC", 0, "soft and hard"),
    service("OOMScoreAdjust", 0, "inherited"),
    service("NoNewPrivileges", 187, "the filters below need it with User="),
    service("CapabilityBoundingSet", 0, "empty: none"),
    service("ProtectSystem", 214, "full; strict only from 232 on"),
    service("ProtectHome", 214, "read-only"),
    service("RestrictAddressFamilies", 211, "as a list of what is allowed"),
    service("SystemCallArchitectures", 209, "native"),
    service(
        "SystemCallFilter",
        187,
        "a list of what is refused: it passes over groups, @..., one by one with a line each, until 231",
    ),
    service("SystemCallErrorNumber", 209, "by name"),
    service("DevicePolicy", 208, "closed: null, zero, full, random, urandom, the terminals"),
    service("DeviceAllow", 208, "by path"),
    path("PathExists", 0, "looked at again whenever the service has ended"),
    path("Unit", 0, "by name"),
    timer("OnCalendar", 196, "minutes and hours alone"),
    timer("AccuracySec", 209, "a moment of its own for each machine, always the same"),
    timer("Unit", 0, "by name"),
];

/// What 219 does not know, passes over with one line in its log, and how the unit stands without it.
const IGNORED_BY_219: &[Allowed] = &[
    service("OOMPolicy", 243, "before it the unit went on after a kill for memory anyway"),
    service("ProtectKernelTunables", 232, "the user owns none of these files"),
    service("ProtectKernelModules", 232, "no capability to load one"),
    service("ProtectControlGroups", 232, "the user owns none of these files"),
    service("ProtectClock", 245, "no capability to set it"),
    service("ProtectProc", 247, "it sees other users' processes, and may touch none"),
    service("RestrictNamespaces", 233, "CentOS 7 lets no user make one, by its own default"),
    service("RestrictRealtime", 231, "LimitRTPRIO is 0 by default"),
    service("RestrictSUIDSGID", 242, "a file of kafka's own user at most"),
    service("LockPersonality", 235, "the user's own processes at most"),
];

const INSTALL: Allowed =
    Allowed { section: "[Install]", name: "WantedBy", since: 0, reason: "started by the machine's ordinary start" };

/// The most that `systemd-analyze security` may find: the stock units of Kafka stand at 9.2, this one at 6.3 before it was hardened.
const MOST_EXPOSURE: f64 = 3.5;

/// What would look good in that list and break a node.
const NEVER: &[(&str, &str)] = &[
    ("PrivateTmp", "jps and jstat look into /tmp/hsperfdata_kafka"),
    ("RuntimeDirectory", "219 deletes it between a crash and the restart"),
    ("PermissionsStartOnly", "nothing here runs as root"),
    ("RequiresMountsFor", "a disk that comes late would fail the start for ever"),
    ("MemoryDenyWriteExecute", "a JVM compiles to memory"),
    ("PrivateDevices", "/dev/kmsg tells whom the kernel killed for memory"),
    ("ProtectKernelLogs", "/dev/kmsg tells whom the kernel killed for memory"),
    ("ProtectHostname", "a node is found by its name, which may change while it runs"),
    ("ProcSubset", "a JVM measures the machine in /proc/meminfo and /proc/cpuinfo"),
    ("PrivateNetwork", "it serves"),
    ("PrivateUsers", "owners of files and of the socket's callers would be nobody"),
    ("RemoveIPC", "clears away between a crash and the restart what living JVMs use"),
    ("LimitCORE", "a core that is piped to a program needs none, and one in a file has the size of a heap"),
];

#[test]
fn every_directive_is_known_to_219_or_ignored_harmlessly() {
    let allowed: Vec<&Allowed> = KNOWN_TO_219.iter().chain(IGNORED_BY_219).chain([&INSTALL]).collect();
    let used: Vec<Directive> =
        [&["kafka-node.service"], &BESIDE[..]].concat().into_iter().flat_map(directives_of).collect();
    for Directive { section, name, .. } in &used {
        assert!(
            allowed.iter().any(|allowed| allowed.section == section && allowed.name == name),
            "{section} {name}: look up since when it exists, and add it with what 219 makes of it"
        );
    }
    for Allowed { section, name, reason, .. } in &allowed {
        assert!(
            used.iter().any(|directive| directive.section == *section && directive.name == *name),
            "{section} {name} is in no unit any more: strike it from the list"
        );
        assert!(!reason.is_empty(), "{name}");
    }
    assert!(KNOWN_TO_219.iter().all(|allowed| allowed.since <= 219));
    assert!(IGNORED_BY_219.iter().all(|allowed| allowed.since > 219));
}

#[test]
fn system_calls_are_refused_and_never_listed_as_allowed() {
    let value = value_of("SystemCallFilter");
    // 219 passes over every group: of a list of what is allowed nothing would be left.
    let groups = value.strip_prefix('~').expect("a list of what is refused");
    assert!(groups.split(' ').all(|group| group.starts_with('@')), "{value}");
    for needed in ["@resources", "@debug", "@process", "@memlock", "@ipc", "@io-event", "@system-service"] {
        assert!(!groups.split(' ').any(|group| group == needed), "{needed}: NUMA, profilers, or the JVM itself");
    }
    assert_eq!(value_of("SystemCallErrorNumber"), "EPERM", "without it a refused call kills the JVM");
    assert_eq!(value_of("NoNewPrivileges"), "yes", "219 applies filters with User= only with it");
    for family in ["AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"] {
        assert!(value_of("RestrictAddressFamilies").split(' ').any(|allowed| allowed == family), "{family}");
    }
    assert_eq!(value_of("DeviceAllow"), "/dev/kmsg r");
}

#[test]
fn the_exposure_is_bounded() {
    // `--offline` is of 250.
    let (_dir, path) = copy();
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["security", "--offline=true", "--no-pager"]).arg(&path).env("SYSTEMD_COLORS", "0").env("LC_ALL", "C");
    let Some(output) = analyze.output().ok().filter(|output| !output.stdout.is_empty()) else {
        println!("no systemd-analyze of 250 or later on this machine");
        return;
    };
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    let figure = words
        .lines()
        .find_map(|line| line.split_once("Overall exposure level for kafka-node.service: "))
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse::<f64>().ok());
    println!("exposure of kafka-node.service: {figure:?}, at most {MOST_EXPOSURE}");
    assert!(figure.is_some_and(|figure| figure <= MOST_EXPOSURE), "{figure:?}: {words}");
}

#[test]
fn every_directive_says_why_it_is_there() {
    for unit in [&["kafka-node.service"], &BESIDE[..]].concat() {
        for Directive { name, reasoned, .. } in directives_of(unit) {
            assert!(reasoned, "{unit}: {name} has no comment on the line before it");
        }
    }
}

#[test]
fn values_that_219_reads_otherwise_are_not_used() {
    for Directive { name, value, .. } in directives().into_iter().chain(BESIDE.into_iter().flat_map(directives_of)) {
        assert!(!value.contains("infinity"), "{name}: 219 takes infinity for no time at all; write 0");
        assert!(
            !name.starts_with("Exec") || !value.starts_with(['+', '!', ':']),
            "{name}: 219 knows the prefixes - and @ only"
        );
    }
    assert_eq!(value_of("TimeoutStartSec"), "0");
    assert_ne!(value_of("ProtectSystem"), "strict");
    let stop: u64 = value_of("TimeoutStopSec").parse().expect("seconds");
    // The stop's own bound: 15 min of gate, twice 5 min of Kafka's grace, 30 s of ZooKeeper's.
    assert!((15 * 60 + 2 * 5 * 60 + 30..30 * 60).contains(&stop), "{stop} s");
}

#[test]
fn the_promises_of_the_unit_hold() {
    assert_eq!(value_of("Type"), "notify");
    assert_eq!(value_of("NotifyAccess"), "main");
    assert_eq!(value_of("KillMode"), "process");
    assert_eq!(value_of("Restart"), "always");
    // A bad configuration, and a stop that an operator ordered; the second is a success too.
    assert_eq!(value_of("RestartPreventExitStatus"), "78 3");
    assert_eq!(value_of("SuccessExitStatus"), "143 3");
    assert_eq!(value_of("StartLimitInterval"), "0");
    assert_eq!(value_of("User"), "kafka");
    assert_eq!(value_of("OOMPolicy"), "continue");
    assert!(value_of("LimitNOFILE").parse::<u64>().expect("a number") >= 100_000);
    for (absent, why) in NEVER {
        assert!(directives().iter().all(|directive| directive.name != *absent), "{absent}: {why}");
    }
}

#[test]
fn the_systemd_of_this_machine_has_nothing_against_it() {
    // Where there is none, the lists above are all there is to hold the unit to.
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("no systemd-analyze on this machine");
        return;
    }
    let (_dir, path) = copy();
    let verify = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output().expect("an answer");
    let words = String::from_utf8_lossy(&verify.stderr);
    let about_us: Vec<&str> = words.lines().filter(|line| line.contains("kafka-node.service")).collect();
    assert_eq!(about_us, [""; 0], "{words}");
}

#[test]
fn a_roll_reboots_by_the_path_unit_and_nothing_reboots_unasked() {
    let of = |unit: &str, name: &str| -> Vec<String> {
        let found = directives_of(unit).into_iter().filter(|directive| directive.name == name);
        found.map(|directive| directive.value).collect()
    };
    assert!(value_of("Wants").split(' ').any(|unit| unit == "kafka-node-reboot.path"), "a roll would wait for ever");
    assert!(value_of("After").split(' ').any(|unit| unit == "dbus.service"), "systemd is asked through it in a stop");
    assert_eq!(value_of("SupplementaryGroups"), "tty", "wall reaches nobody without it");
    let [service, path, timer] = BESIDE;
    let file = "/var/lib/kafka-node/reboot-wanted";
    assert_eq!(of(path, "PathExists"), [file]);
    assert_eq!([of(path, "Unit"), of(timer, "Unit")], [[service], [service]]);
    assert_eq!(of(service, "ExecStart"), ["/usr/bin/kafka-node reboot --if-needed"]);
    // Left there, the path unit would start it again at once, and for ever.
    assert_eq!(of(service, "ExecStopPost"), [format!("-/bin/rm -f {file}")]);
    assert_eq!(of(service, "SuccessExitStatus"), ["75"]);
    assert_eq!((of(service, "User"), of(service, "WantedBy")), (vec![], vec![]));
    let preset = read("config/kafka-node.preset");
    assert!(preset.lines().any(|line| line == format!("disable {timer}")), "{preset}");
}

#[test]
fn the_systemd_of_this_machine_has_nothing_against_the_others() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("no systemd-analyze on this machine");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    for unit in BESIDE {
        let text = read(&format!("units/{unit}")).replace("/usr/bin/kafka-node", "/bin/true");
        std::fs::write(dir.path().join(unit), text).expect("a copy");
    }
    for unit in BESIDE {
        let verify = Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(dir.path().join(unit))
            .output()
            .expect("an answer");
        let words = String::from_utf8_lossy(&verify.stderr);
        let about_us: Vec<&str> = words.lines().filter(|line| line.contains("kafka-node")).collect();
        assert_eq!(about_us, [""; 0], "{words}");
    }
}

#[test]
fn tmpfiles_make_the_directories_the_default_configuration_names() {
    let text = read("units/kafka-node.tmpfiles");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        lines,
        [
            "d /run/kafka-node 0755 kafka kafka -",
            "d /var/lib/kafka-node 0750 kafka kafka -",
            "d /var/cache/kafka-node 0750 kafka kafka -",
        ]
    );
}

/// The unit as systemd-analyze takes it, which insists that programs exist.
fn copy() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("kafka-node.service");
    std::fs::write(&path, unit().replace("/usr/bin/kafka-node", "/bin/true")).expect("a copy");
    (dir, path)
}

struct Directive {
    section: String,
    name: String,
    value: String,
    /// A comment stands right before it.
    reasoned: bool,
}

fn directives() -> Vec<Directive> {
    directives_of("kafka-node.service")
}

fn directives_of(unit: &str) -> Vec<Directive> {
    let text = read(&format!("units/{unit}"));
    let (mut all, mut section, mut before) = (Vec::new(), "", "");
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        } else if let (false, Some((name, value))) = (line.starts_with('#'), line.split_once('=')) {
            all.push(Directive {
                section: section.to_owned(),
                name: name.to_owned(),
                value: value.to_owned(),
                reasoned: before.starts_with('#'),
            });
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "neither comment nor directive: {line}");
        }
        before = line;
    }
    all
}

fn value_of(name: &str) -> String {
    let values: Vec<String> = directives().into_iter().filter(|d| d.name == name).map(|d| d.value).collect();
    assert_eq!(values.len(), 1, "{name}: {values:?}");
    values.concat()
}

fn unit() -> String {
    read("units/kafka-node.service")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}
