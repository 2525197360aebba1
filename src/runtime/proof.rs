//! The JVM's own word on its options: `java … -XX:+PrintFlagsFinal -version`, before the first start.
//!
//! A proof costs about 0.1 CPU-seconds, so one that was given is noted in `cache_dir` and not asked for again until the
//! program or an option changes. Absent on purpose: choosing options (`plan`).

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use tokio::process::Command;
use tokio::time::timeout;

use crate::model::Role;
use crate::plan::{Plan, ServiceSpec};

/// A JVM that prints its flags takes 0.1 s; on a node that has just booted the disk may be slow.
const LIMIT: Duration = Duration::from_secs(30);
/// How much of what the JVM said is shown.
const SHOWN_LINES: usize = 4;

/// Why a JVM would not start as planned.
#[derive(Debug)]
pub struct ProofFailure {
    role: Role,
    program: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// It could not be run, or not to its end; in words.
    NotRun(String),
    /// It refused the options; its words.
    Refused(String),
    /// It would take a heap larger than all memory there is, both in bytes.
    HeapOverMemory { heap: u64, memory: u64 },
}

/// Asks the JVM of every service of the node. Changes nothing.
pub fn failures(plan: &Plan) -> Vec<ProofFailure> {
    plan.services.iter().filter_map(|service| prove(service, plan).err()).collect()
}

/// The same, but for services that were proven before with this very program and these options.
pub fn failures_unless_proven(plan: &Plan) -> Vec<ProofFailure> {
    let unproven = |service: &&ServiceSpec| {
        let (path, text) = (note_path(plan, service.role), note(service, plan.memory.total));
        fs::read_to_string(path).ok() != Some(text)
    };
    let mut failures = Vec::new();
    for service in plan.services.iter().filter(unproven) {
        match prove(service, plan) {
            // A note that cannot be written costs the next start a tenth of a second, no more.
            Ok(()) => drop(fs::write(note_path(plan, service.role), note(service, plan.memory.total))),
            Err(failure) => failures.push(failure),
        }
    }
    failures
}

fn prove(service: &ServiceSpec, plan: &Plan) -> Result<(), ProofFailure> {
    // The plan sends the GC log of a proof to a directory of `cache_dir`. A check may be run by a user who may not write
    // there, and changes nothing: here that directory is a passing one.
    let planned = plan.config.paths.cache_dir.join("proof");
    let failure = |kind| ProofFailure { role: service.role, program: service.program.clone(), kind };
    let scratch = Scratch::make(service.role)
        .map_err(|(path, error)| failure(Kind::NotRun(format!("{} cannot be made: {error}", path.display()))))?;
    let (from, to) = (planned.display().to_string(), scratch.0.display().to_string());
    let args: Vec<String> = service.proof_args.iter().map(|arg| arg.replace(&from, &to)).collect();
    ask(service, &args, plan.memory.total).map_err(failure)
}

fn ask(service: &ServiceSpec, args: &[String], memory: u64) -> Result<(), Kind> {
    let output = output(service, args).map_err(Kind::NotRun)?;
    if !output.status.success() {
        return Err(Kind::Refused(complaint(&output)));
    }
    match max_heap(&String::from_utf8_lossy(&output.stdout)) {
        Some(heap) if heap > memory => Err(Kind::HeapOverMemory { heap, memory }),
        _ => Ok(()),
    }
}

fn output(service: &ServiceSpec, args: &[String]) -> Result<Output, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let mut command = Command::new(&service.program);
        command
            .args(args)
            .args(["-XX:+PrintFlagsFinal", "-version"])
            .env_clear()
            .envs(service.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        match timeout(LIMIT, command.output()).await {
            Ok(output) => output.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
        }
    })
}

/// A directory that goes away with this value.
struct Scratch(PathBuf);

impl Scratch {
    /// Fails where the name exists already, so that nobody else's directory is ever used or removed.
    fn make(role: Role) -> Result<Scratch, (PathBuf, io::Error)> {
        let path = std::env::temp_dir().join(format!("kafka-node-proof-{}-{role}", std::process::id()));
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Scratch(path)),
            Err(error) => Err((path, error)),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the JVM said against its options, without the two lines it always adds.
fn complaint(output: &Output) -> String {
    // Complaints about -Xlog go to stdout, in the JVM's own log format.
    let (said, logged) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    let lines: Vec<&str> = said
        .lines()
        .chain(logged.lines().filter(|line| line.contains("[error]")))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .filter(|line| {
            !line.contains("Could not create the Java Virtual Machine") && !line.contains("A fatal exception")
        })
        .take(SHOWN_LINES)
        .collect();
    if lines.is_empty() { output.status.to_string() } else { lines.join("; ") }
}

/// `size_t MaxHeapSize = 268435456 {product}`; Java 8 writes `uintx` and `:=`.
fn max_heap(flags: &str) -> Option<u64> {
    flags.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        (words.next()? == "MaxHeapSize").then_some(())?;
        words.nth(1)?.parse().ok()
    })
}

fn note_path(plan: &Plan, role: Role) -> PathBuf {
    plan.config.paths.cache_dir.join(format!("{role}.proven"))
}

/// Everything that the answer depends on.
fn note(service: &ServiceSpec, memory: u64) -> String {
    let program = fs::canonicalize(&service.program).unwrap_or_else(|_| service.program.clone());
    let mut text = format!("{}\n{}\nmemory {memory}\n", program.display(), stamp(&program));
    for arg in &service.proof_args {
        text.push_str(arg);
        text.push('\n');
    }
    text
}

/// Size and time of the program, and of the JVM's own library beside it, which an update may replace alone.
fn stamp(program: &Path) -> String {
    let library = program.parent().and_then(Path::parent).map(|home| home.join("lib/server/libjvm.so"));
    [Some(program.to_owned()), library]
        .into_iter()
        .flatten()
        .filter_map(|path| fs::metadata(path).ok())
        .map(|meta| {
            let changed =
                meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
            format!("{}:{}", meta.len(), changed.as_nanos())
        })
        .collect::<Vec<_>>()
        .join(" ")
}

impl ProofFailure {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self.kind {
            Kind::NotRun(_) => "install Java again, or set [java] home".to_owned(),
            Kind::Refused(_) | Kind::HeapOverMemory { .. } => {
                format!("mend [{}] heap or jvm_options; kafka-node plan shows where each option comes from", self.role)
            }
        }
    }
}

impl fmt::Display for ProofFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (role, program) = (self.role, self.program.display());
        match &self.kind {
            Kind::NotRun(words) => write!(f, "{role}: {program} cannot be run: {words}"),
            Kind::Refused(words) => write!(f, "{role}: {program} refuses its options: {words}"),
            Kind::HeapOverMemory { heap, memory } => write!(
                f,
                "{role}: {program} would take a heap of {} MiB, and there are {} MiB of memory in all",
                heap >> 20,
                memory >> 20
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Reasoned;

    #[test]
    fn the_heap_is_read_from_the_flags_of_old_and_new_javas() {
        let new = "[Global flags]\n   size_t MaxHeapSize                              = 268435456                              {product} {command line}\n";
        assert_eq!(max_heap(new), Some(268_435_456));
        let old = "    uintx MaxHeapFreeRatio = 70 {manageable}\n    uintx MaxHeapSize                              := 536870912                           {product}\n";
        assert_eq!(max_heap(old), Some(536_870_912));
        assert_eq!(max_heap("garbage\nMaxHeapSize\nsize_t MaxHeapSize\n"), None);
    }

    #[test]
    fn a_jvm_that_refuses_is_heard_and_one_that_is_not_there_is_named() {
        let spec = |program: &str, args: &[&str]| ServiceSpec {
            role: Role::Kafka,
            program: program.into(),
            args: Vec::<Reasoned>::new(),
            environment: Vec::new(),
            directory: "/".into(),
            files: Vec::new(),
            my_id_file: None,
            probe_address: String::new(),
            main_class: "kafka.Kafka",
            proof_args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        };
        let refusing = spec("/bin/sh", &["-c", "echo \"Unrecognized VM option 'Nonsense'\" >&2; exit 1"]);
        let ask = |spec: &ServiceSpec, memory| {
            ask(spec, &spec.proof_args, memory)
                .map_err(|kind| ProofFailure { role: spec.role, program: spec.program.clone(), kind }.to_string())
        };
        let refusal = ask(&refusing, 1).expect_err("refused");
        assert_eq!(refusal, "kafka: /bin/sh refuses its options: Unrecognized VM option 'Nonsense'");
        let missing = ask(&spec("/nowhere/bin/java", &[]), 1).expect_err("missing");
        assert_eq!(missing, "kafka: /nowhere/bin/java cannot be run: No such file or directory (os error 2)");
        let greedy = spec("/bin/sh", &["-c", "echo ' size_t MaxHeapSize = 2097152 {product}'"]);
        let refusal = ask(&greedy, 1 << 20).expect_err("too much");
        assert!(refusal.ends_with("would take a heap of 2 MiB, and there are 1 MiB of memory in all"), "{refusal}");
        ask(&greedy, 1 << 30).expect("fits");
    }
}
