//! What the kernel and the JVM itself left about the end of a run: killed for memory, and the report of a crash.
//!
//! A baseline is taken when the process has been made, since counters and files only tell by what has changed. Three witnesses speak of a
//! kill for memory: the log that names the pid, the counter of the process's memory cgroup, the counter of the machine. Each alone was seen to
//! tell a Java 17 that the kernel killed in a cgroup of 150 MB (version 1, kernel 6.18) from one that `kill -9` ended.
//! Absent on purpose: what the JVM printed (`logs`), and what is made of it all (`supervise`).
//!
//! Effects: reads `/proc`, cgroup files and the kernel's log; looks at files of the service's directory and `/tmp`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::path::PathBuf;

use crate::model::ExitStatus;
use crate::plan::ServiceSpec;

use super::host::HostRoot;
use super::hs_err::CrashReports;
use super::kernel_log::KernelLog;
use super::memory_kills::{MemoryKills, MemoryKillsFiles};

/// How things stood while the run lived.
#[derive(Debug)]
pub struct Baseline {
    pid: i32,
    files: MemoryKillsFiles,
    /// As of the last [`Baseline::refresh`] but one.
    before: MemoryKills,
    /// As of the last one.
    latest: MemoryKills,
    log: KernelLog,
    reports: CrashReports,
}

/// What was found about the end of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastEnd {
    /// The kernel killed it for memory.
    pub oom_killed: bool,
    /// The JVM's report of its own crash, written in this run.
    pub hs_err: Option<PathBuf>,
}

const SIGKILL: i32 = 9;

impl Baseline {
    /// How things stand for the run of `spec` that has just been made, or adopted, as `pid`. It keeps one descriptor, of the kernel's log.
    ///
    /// Blocks for as long as the disk of the service's directory does; else 0.5 ms.
    pub fn take(root: &HostRoot, spec: &ServiceSpec, pid: i32) -> Baseline {
        let files = MemoryKillsFiles::of(root, pid);
        let kills = files.read();
        let args = spec.args.iter().map(|arg| arg.text.as_str());
        let reports = CrashReports::of(root, args, &spec.directory, pid);
        Baseline { pid, files, before: kills, latest: kills, log: KernelLog::open(root), reports }
    }

    /// Takes the counters anew, so that a kill of long ago in the same cgroup is not held for this run's. For now and then, once a minute
    /// or so; 0.1 ms.
    ///
    /// The look before stays the one that counts: a process dies some time after the kernel has counted it, and a refresh
    /// in between must not hide that.
    pub fn refresh(&mut self) {
        self.before = std::mem::replace(&mut self.latest, self.files.read());
    }

    /// What is known of the end, once the run is over and ended with `status`. It costs 0.4 ms, 30 ms where the kernel's log is full of
    /// news, and what the disk of the service's directory takes.
    pub fn after(mut self, status: ExitStatus) -> LastEnd {
        LastEnd { oom_killed: self.killed_for_memory(status), hs_err: self.reports.written() }
    }

    fn killed_for_memory(&mut self, status: ExitStatus) -> bool {
        let counted = match status {
            ExitStatus::Signal(SIGKILL) => true,
            // Whoever saw its end only in /proc was told no status: the log's word counts alone, since it names the pid.
            ExitStatus::Unseen => false,
            ExitStatus::Signal(_) | ExitStatus::Code(_) => return false,
        };
        match self.log.of(self.pid) {
            Some(told) if told.named => true,
            // The counters moved for those.
            Some(told) if told.others => false,
            Some(_) | None => counted && self.files.read().grown_since(self.before),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::model::Role;
    use crate::plan::Reasoned;

    const PID: i32 = 812;
    const KILLED: ExitStatus = ExitStatus::Signal(SIGKILL);

    /// A machine made of files, with a service whose memory is accounted in `/kn`.
    struct Machine {
        _keep: tempfile::TempDir,
        root: HostRoot,
    }

    impl Machine {
        fn new() -> Machine {
            let keep = tempfile::tempdir().unwrap();
            let machine =
                Machine { root: HostRoot { root: keep.path().to_path_buf(), environment: vec![] }, _keep: keep };
            machine.write("/proc/812/cgroup", "9:memory:/kn\n");
            let mount = "30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
            machine.write("/proc/self/mountinfo", mount);
            fs::create_dir_all(machine.root.at("/work")).unwrap();
            machine
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.root.at(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn counts(&self, group: u64, machine: u64) {
            let text = format!("oom_kill_disable 0\nunder_oom 0\noom_kill {group}\n");
            self.write("/sys/fs/cgroup/memory/kn/memory.oom_control", &text);
            self.write("/proc/vmstat", &format!("pgfault 9\noom_kill {machine}\n"));
        }

        fn says(&self, victims: &[i32]) {
            let line =
                |pid: &i32| format!("Nov 22 16:00:00 n kernel: [1.0] Killed process {pid} (java) total-vm:1kB\n");
            self.write("/var/log/kern.log", &victims.iter().map(line).collect::<String>());
        }

        fn baseline(&self) -> Baseline {
            Baseline::take(&self.root, &spec(&self.root.at("/work")), PID)
        }
    }

    fn spec(directory: &Path) -> ServiceSpec {
        let error_file = format!("-XX:ErrorFile={}/hs_err_pid%p.log", directory.display());
        ServiceSpec {
            role: Role::Kafka,
            program: "/bin/java".into(),
            args: vec![Reasoned { text: error_file, why: String::new() }],
            environment: vec![],
            directory: directory.into(),
            files: vec![],
            my_id_file: None,
            probe_address: String::new(),
            main_class: "kafka.Kafka",
            proof_args: vec![],
        }
    }

    #[test]
    fn the_cgroups_counter_and_sigkill_together_are_a_kill_for_memory() {
        for (status, expected) in [
            (KILLED, true),
            (ExitStatus::Signal(11), false),
            (ExitStatus::Code(137), false),
            (ExitStatus::Code(1), false),
            (ExitStatus::Unseen, false),
        ] {
            let machine = Machine::new();
            machine.counts(3, 10);
            let baseline = machine.baseline();
            machine.counts(4, 11);
            assert_eq!(baseline.after(status).oom_killed, expected, "{status:?}");
        }
    }

    #[test]
    fn a_kill_elsewhere_on_the_machine_is_not_this_runs() {
        let machine = Machine::new();
        machine.counts(3, 10);
        let baseline = machine.baseline();
        machine.counts(3, 11);
        assert!(!baseline.after(KILLED).oom_killed);
    }

    #[test]
    fn where_nothing_counts_the_log_alone_tells_and_it_tells_by_pid() {
        for (victims, status, expected) in [
            (&[5, PID][..], KILLED, true),
            (&[5][..], KILLED, false),
            (&[][..], KILLED, false),
            (&[PID][..], ExitStatus::Unseen, true),
            (&[PID][..], ExitStatus::Code(0), false),
        ] {
            let machine = Machine::new();
            machine.says(&[]);
            let baseline = machine.baseline();
            machine.says(victims);
            assert_eq!(baseline.after(status).oom_killed, expected, "{victims:?} {status:?}");
        }
    }

    #[test]
    fn a_log_that_names_others_explains_the_counters() {
        let machine = Machine::new();
        machine.counts(3, 10);
        machine.says(&[]);
        let baseline = machine.baseline();
        machine.counts(4, 11);
        machine.says(&[77]);
        assert!(!baseline.after(KILLED).oom_killed);
    }

    #[test]
    fn an_earlier_run_with_the_same_pid_leaves_nothing_behind() {
        let machine = Machine::new();
        machine.says(&[PID]);
        machine.write("/work/hs_err_pid812.log", "# of an earlier run");
        assert_eq!(machine.baseline().after(KILLED), LastEnd::default());
    }

    #[test]
    fn a_refresh_forgets_old_kills_and_never_the_last() {
        let machine = Machine::new();
        machine.counts(3, 10);
        let mut baseline = machine.baseline();
        machine.counts(4, 11);
        baseline.refresh();
        // The kill of the neighbour is two looks old: what ends this run is something else.
        baseline.refresh();
        assert!(!baseline.after(KILLED).oom_killed);

        let mut baseline = machine.baseline();
        machine.counts(5, 12);
        // Counted, and refreshed before it was reaped.
        baseline.refresh();
        assert!(baseline.after(KILLED).oom_killed);
    }

    #[test]
    fn a_crash_report_of_this_run_is_found_where_the_option_says() {
        let machine = Machine::new();
        let baseline = machine.baseline();
        machine.write("/work/hs_err_pid812.log", "# A fatal error has been detected by the Java Runtime Environment");
        let expected = LastEnd { oom_killed: false, hs_err: Some(machine.root.at("/work/hs_err_pid812.log")) };
        assert_eq!(baseline.after(ExitStatus::Signal(6)), expected);
    }

    #[test]
    fn a_machine_that_tells_nothing_is_no_trouble() {
        let keep = tempfile::tempdir().unwrap();
        let root = HostRoot { root: keep.path().to_path_buf(), environment: vec![] };
        let baseline = Baseline::take(&root, &spec(keep.path()), PID);
        assert_eq!(baseline.after(KILLED), LastEnd::default());
    }
}
