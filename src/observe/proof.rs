//! Asks the JVM itself whether it takes the options of the plan: `java <options> -XX:+PrintFlagsFinal -version`.
//!
//! Once for each Java, version and set of options: a proof that held is kept in `cache_dir`, so that later starts cost nothing.
//! Effects: runs `bin/java`, bounded; writes below `cache_dir` only. Absent on purpose: choosing options (`plan::java_flags`).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::config::{HIDDEN, masked};
use crate::model::Role;
use crate::plan::{Plan, ServiceSpec};

/// How long one question may take. It is 0.1 s of work; a machine that boots does much at once.
const LIMIT: Duration = Duration::from_secs(30);
/// Bytes of a program's output that are kept: all flags of a JVM take 150 kB.
const OUTPUT: u64 = 1 << 20;
/// Lines of the JVM's own words in a refusal.
const QUOTED: usize = 4;

/// Why the options cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofRefusal {
    /// The service they are for.
    pub role: Role,
    /// The program that was asked.
    pub program: PathBuf,
    /// The JVM's own words, or why it could not be asked.
    pub words: String,
    /// The option at fault and where it comes from; empty where the words name none of the plan's.
    pub option: String,
}

impl fmt::Display for ProofRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not take the options of {}: {}", self.program.display(), self.role, self.words)?;
        if self.option.is_empty() { Ok(()) } else { write!(f, "; {}", self.option) }
    }
}

impl std::error::Error for ProofRefusal {}

/// What the JVM said although it takes the options: deprecated ones, for example. One line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Warnings in the JVM's own words, with the service they are about.
    pub warnings: Vec<(Role, String)>,
}

/// Proves the options of every service of `plan`.
pub fn prove(plan: &Plan) -> Result<Proof, ProofRefusal> {
    let directory = plan.config.paths.cache_dir.join("proof");
    // Without a cache each start asks again: slower by 0.2 s, and as sure.
    let _ = fs::create_dir_all(&directory);
    let mut proof = Proof::default();
    for service in &plan.services {
        let warnings = match kept(plan, service, &directory) {
            Some(warnings) => warnings,
            None => {
                let warnings = ask(service)?;
                keep(plan, service, &directory, &warnings);
                warnings
            }
        };
        proof.warnings.extend(warnings.into_iter().map(|words| (service.role, words)));
    }
    Ok(proof)
}

/// Everything an answer depends on, as text.
fn key(plan: &Plan, service: &ServiceSpec) -> String {
    let stamp = |path: &Path| match fs::metadata(path) {
        Ok(meta) => format!("{} {}.{} {} {}", path.display(), meta.mtime(), meta.mtime_nsec(), meta.size(), meta.ino()),
        Err(_) => format!("{} absent", path.display()),
    };
    let java = &plan.facts.java;
    let real = fs::canonicalize(&service.program).unwrap_or_else(|_| service.program.clone());
    let mut lines = vec![stamp(&real), stamp(&java.home.join("release")), java.version.clone()];
    lines.extend(service.proof_args.iter().map(|arg| format!("{arg:?}")));
    lines.join("\n") + "\n\n"
}

fn cache_file(key: &str, directory: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    directory.join(format!("{:016x}", hasher.finish()))
}

/// The warnings of a proof that held before. The whole key stands in the file: a hash alone could lie.
fn kept(plan: &Plan, service: &ServiceSpec, directory: &Path) -> Option<Vec<String>> {
    let key = key(plan, service);
    let text = fs::read_to_string(cache_file(&key, directory)).ok()?;
    Some(text.strip_prefix(&key)?.lines().map(str::to_string).collect())
}

/// Keeps an answer; what cannot be kept is asked again.
fn keep(plan: &Plan, service: &ServiceSpec, directory: &Path, warnings: &[String]) {
    let key = key(plan, service);
    let path = cache_file(&key, directory);
    let written = path.with_extension(format!("new-{}", std::process::id()));
    let kept = fs::write(&written, key + &warnings.join("\n")).and_then(|()| fs::rename(&written, &path));
    if let Err(error) = kept {
        let _ = fs::remove_file(&written);
        tracing::info!(path = %path.display(), %error, "the JVM's answer about its options cannot be kept: each start asks again");
    }
}

fn ask(service: &ServiceSpec) -> Result<Vec<String>, ProofRefusal> {
    let mut args = service.proof_args.clone();
    args.extend(["-XX:+PrintFlagsFinal".to_string(), "-version".to_string()]);
    let refuse = |words: String| ProofRefusal {
        role: service.role,
        program: service.program.clone(),
        option: option_at_fault(service, &words),
        words: without_secrets(service, words),
    };
    let run = run_bounded(&service.program, &args, &service.environment, LIMIT).map_err(refuse)?;
    if run.status.success() {
        let hide = |words: String| without_secrets(service, words);
        return Ok(warnings(&run.output).into_iter().map(hide).collect());
    }
    Err(refuse(quoted(&run.output, run.status)))
}

/// Lines in which a JVM warns: "OpenJDK 64-Bit Server VM warning: ..", "[0.001s][warning][gc] ..", "WARNING: ..".
fn warnings(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    let warns =
        |line: &&str| line.contains(" VM warning: ") || line.contains("[warning]") || line.starts_with("WARNING: ");
    text.lines().filter(warns).take(QUOTED).map(str::to_string).collect()
}

fn quoted(output: &[u8], status: ExitStatus) -> String {
    let text = String::from_utf8_lossy(output);
    let padding = [
        "Error: Could not create the Java Virtual Machine.",
        "Error: A fatal exception has occurred. Program will exit.",
    ];
    // Of a JVM that prints its flags and then fails, the flags are no help.
    let says = |line: &&str| {
        !line.trim().is_empty() && !padding.contains(line) && !line.starts_with("    ") && !line.starts_with('[')
    };
    let lines: Vec<&str> = text.lines().filter(says).take(QUOTED).map(str::trim).collect();
    if lines.is_empty() { format!("it ended with {status} and said nothing") } else { lines.join(" / ") }
}

/// The option of the plan that the JVM's words name, and where it comes from.
fn option_at_fault(service: &ServiceSpec, words: &str) -> String {
    let tokens = words.split(|c: char| c.is_whitespace() || "'\"(),;".contains(c));
    // "Unrecognized VM option 'UseFoo'" names -XX:+UseFoo; "MaxGCPauseMillis=x" names -XX:MaxGCPauseMillis=x.
    let names: Vec<&str> = tokens.map(|token| token.trim_matches([':', '.'])).filter(|token| token.len() > 3).collect();
    let bare = |option: &str| option.trim_start_matches("-XX:").trim_start_matches(['+', '-']).to_string();
    let named = |option: &str| {
        let bare = bare(option);
        let flag = bare.split('=').next().unwrap_or_default();
        let is_flag = option.starts_with("-XX:") && names.iter().any(|name| bare_name(name) == flag);
        is_flag || names.iter().any(|name| *name == option || *name == bare)
    };
    let found = service.args.iter().rev().find(|arg| service.proof_args.contains(&arg.text) && named(&arg.text));
    found.map(|arg| format!("{} comes from: {}", masked(&arg.text), arg.why)).unwrap_or_default()
}

/// A JVM quotes the options that it does not take: none of them shows its secret.
fn without_secrets(service: &ServiceSpec, words: String) -> String {
    service.proof_args.iter().fold(words, |words, arg| {
        let shown = masked(arg);
        // "-XX:Foo=bar" is quoted as 'Foo=bar' too, or by its value alone.
        match arg.split_once('=') {
            Some((_, value)) if shown != *arg && !value.is_empty() => words.replace(value, HIDDEN),
            _ if shown != *arg => words.replace(arg.as_str(), HIDDEN),
            _ => words,
        }
    })
}

fn bare_name(token: &str) -> &str {
    let token = token.trim_start_matches("-XX:").trim_start_matches(['+', '-']);
    token.split('=').next().unwrap_or_default()
}

/// What a program did.
pub(super) struct Run {
    pub status: ExitStatus,
    /// Both of its outputs, as they came, up to [`OUTPUT`].
    pub output: Vec<u8>,
}

/// Runs a program to its end, at most for `limit`; the error is in words.
pub(super) fn run_bounded(
    program: &Path,
    args: &[String],
    environment: &[(String, String)],
    limit: Duration,
) -> Result<Run, String> {
    let deadline = Instant::now() + limit;
    let words = |error: std::io::Error| error.to_string();
    let (reader, writer) = std::io::pipe().map_err(words)?;
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(environment.iter().map(|(key, value)| (key, value)));
    command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(words)?).stderr(writer);
    let mut child = command.spawn().map_err(words)?;
    // It holds our ends of the pipe: with them open the output would never end.
    drop(command);
    let (sender, output) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut reader = reader;
        let _ = reader.by_ref().take(OUTPUT).read_to_end(&mut bytes);
        let _ = sender.send(bytes);
        // What is beyond the bound is read and dropped, so that the program can end.
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
    });
    let output = output.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    loop {
        if let Some(status) = child.try_wait().map_err(words)? {
            return Ok(Run { status, output: output.unwrap_or_default() });
        }
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("no end within {} s", limit.as_secs()));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let words =
            run_bounded(Path::new("/bin/sh"), &["-c".into(), "exec sleep 600".into()], &[], Duration::from_millis(200));
        assert_eq!(words.map(|_| ()), Err("no end within 0 s".to_string()));
    }

    #[test]
    fn both_outputs_are_read_and_the_environment_is_the_given_one() {
        let environment = [("A".to_string(), "1".to_string())];
        let args = ["-c".into(), "echo out $A; echo err >&2; echo $HOME; exit 3".into()];
        let run = run_bounded(Path::new("/bin/sh"), &args, &environment, Duration::from_secs(20)).expect("it runs");
        assert_eq!((run.status.code(), run.output.as_slice()), (Some(3), b"out 1\nerr\n\n".as_slice()));
    }

    #[test]
    fn a_program_that_floods_can_still_end() {
        let args = ["-c".into(), "head -c 3000000 /dev/zero".into()];
        let run = run_bounded(Path::new("/bin/sh"), &args, &[], Duration::from_secs(20)).expect("it runs");
        assert_eq!((run.status.code(), run.output.len() as u64), (Some(0), OUTPUT));
    }

    #[test]
    fn warnings_are_kept_and_flags_are_not() {
        let output = b"OpenJDK 64-Bit Server VM warning: Option X was deprecated\n     bool UseG1GC = true\n[0.002s][warning][gc] y\n";
        assert_eq!(
            warnings(output),
            ["OpenJDK 64-Bit Server VM warning: Option X was deprecated", "[0.002s][warning][gc] y"]
        );
    }
}
