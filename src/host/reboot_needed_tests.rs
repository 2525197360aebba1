//! Machines as trees of files, and what is said of each.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tempfile::TempDir;

use super::super::programs::Answer;
use super::*;

/// A machine that booted in 2026 with a kernel of CentOS 7 and has nothing to reboot for.
struct Machine {
    dir: TempDir,
    /// What `needs-restarting -r` says; without it there is none.
    says: Option<Result<&'static str, &'static str>>,
}

impl Programs for Machine {
    fn has(&self, name: &str) -> bool {
        name == "needs-restarting" && self.says.is_some()
    }

    fn run(&mut self, _: &[String]) -> Result<Answer, String> {
        let said = self.says.unwrap_or(Err("not there"));
        said.map(|out| Answer { code: Some(1), out: out.to_owned(), err: String::new() }).map_err(str::to_owned)
    }
}

const BOOTED: u64 = 1_767_225_600;

impl Machine {
    fn new() -> Machine {
        let machine = Machine { dir: tempfile::tempdir().expect("a directory"), says: None };
        machine.write("proc/sys/kernel/osrelease", "3.10.0-1160.118.1.el7.x86_64\n");
        machine.write("proc/stat", &format!("cpu 1 2\nbtime {BOOTED}\n"));
        machine.kernel("3.10.0-1160.118.1.el7.x86_64", -9);
        machine
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, text).expect("written");
        path
    }

    /// Installed so many seconds after the boot.
    fn kernel(&self, release: &str, after: i64) {
        let path = self.write(&format!("lib/modules/{release}/modules.dep"), "");
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(BOOTED.saturating_add_signed(after));
        fs::File::options().write(true).open(path).and_then(|file| file.set_modified(at)).expect("dated");
    }

    fn look(&mut self) -> RebootNeeds {
        let root = HostRoot { root: self.dir.path().to_owned(), environment: Vec::new() };
        let jvms = [(Role::ZooKeeper, 70), (Role::Kafka, 71)];
        look(&root, Path::new("/var/lib/kafka-node"), &jvms, self)
    }
}

#[test]
fn a_machine_at_rest_needs_nothing() {
    let mut machine = Machine::new();
    machine.says = Some(Ok("No core libraries or services have been updated.\nReboot is probably not necessary.\n"));
    assert_eq!(machine.look(), RebootNeeds::default());
    machine.says =
        Some(Ok("No core libraries or services have been updated since boot-up.\nReboot should not be necessary.\n"));
    assert_eq!(machine.look(), RebootNeeds::default());
    assert!(!machine.look().any());
}

#[test]
fn the_order_of_a_roll_is_passed_on_in_its_words() {
    let mut machine = Machine::new();
    let path = machine.write("var/lib/kafka-node/reboot-wanted", "roll 7 of root on kafkanode2\n");
    assert_eq!(machine.look().ordered.as_deref(), Some("roll 7 of root on kafkanode2"));
    fs::write(&path, "").expect("emptied");
    assert!(machine.look().any());
}

#[test]
fn debians_mark_is_seen_with_its_packages() {
    let mut machine = Machine::new();
    machine.write("var/run/reboot-required", "*** System restart required ***\n");
    assert_eq!(machine.look().reasons, ["/var/run/reboot-required is there"]);
    machine.write("run/reboot-required", "");
    machine.write("run/reboot-required.pkgs", "linux-base\nlibc6\nlinux-base\n");
    assert_eq!(machine.look().reasons, ["/run/reboot-required is there, for libc6, linux-base"]);
}

#[test]
fn needs_restarting_is_read_by_its_words() {
    let mut machine = Machine::new();
    let old = "Core libraries or services have been updated:\n  kernel -> 3.10.0-1160.119.1.el7\n  glibc -> 2.17-326.el7_9\n\n\
               Reboot is required to ensure that your system benefits from these updates.\n\nMore information:\nhttps://example\n";
    machine.says = Some(Ok(old));
    assert_eq!(machine.look().reasons, ["needs-restarting -r names kernel, glibc"]);
    let new = "Core libraries or services have been updated since boot-up:\n  * a\n  * b\n  * c\n  * d\n  * e\n  * f\n\n\
               Reboot is required to fully utilize these updates.\nMore information: https://example\n";
    machine.says = Some(Ok(new));
    assert_eq!(machine.look().reasons, ["needs-restarting -r names a, b, c, d, e and 1 more"]);
    for says in [Ok("Traceback (most recent call last):\nRepoError\n"), Ok(""), Err("needs-restarting does not end")] {
        machine.says = Some(says);
        let needs = machine.look();
        assert_eq!((needs.reasons.len(), needs.unknown.len()), (0, 1), "{needs:?}");
    }
}

#[test]
fn a_kernel_counts_if_a_reboot_would_start_it_and_did_not_already() {
    let mut machine = Machine::new();
    for (release, after) in [
        // Older; newer and of another kind; newer, and not what the last boot chose.
        ("3.10.0-957.el7.x86_64", 60),
        ("5.4.278-1.el7.elrepo.x86_64", 60),
        ("3.10.0-1160.119.1.el7.x86_64.debug", 60),
        ("3.10.0-1160.120.1.el7.x86_64", -60),
    ] {
        machine.kernel(release, after);
        assert_eq!(machine.look().reasons, [""; 0], "{release}");
    }
    machine.kernel("3.10.0-1160.119.1.el7.x86_64", 60);
    machine.kernel("3.10.0-1160.2.1.el7.x86_64", 60);
    let words = "the kernel 3.10.0-1160.119.1.el7.x86_64 is installed, and 3.10.0-1160.118.1.el7.x86_64 runs";
    assert_eq!(machine.look().reasons, [words]);
    fs::remove_file(machine.dir.path().join("lib/modules/3.10.0-1160.119.1.el7.x86_64/modules.dep")).expect("removed");
    assert_eq!(machine.look().reasons, [""; 0]);
}

#[test]
fn a_replaced_java_needs_a_restart_and_no_reboot() {
    let mut machine = Machine::new();
    for (pid, exe) in [(70, "/usr/lib/jvm/java-11/bin/java"), (71, "/usr/lib/jvm/java-11/bin/java (deleted)")] {
        let dir = machine.dir.path().join(format!("proc/{pid}"));
        fs::create_dir_all(&dir).expect("made");
        symlink(exe, dir.join("exe")).expect("linked");
    }
    let needs = machine.look();
    assert!(!needs.any(), "{needs:?}");
    assert_eq!(needs.restarts.len(), 1, "{needs:?}");
    assert!(needs.restarts[0].starts_with("the Java that kafka runs on (pid 71) was replaced: a restart is enough"));
}
