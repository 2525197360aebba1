//! A supervisor in small that dies or executes itself anew when told: tests of adoption need one that is not the test.
//!
//! `orphan made|unrecorded STATE_DIR RUN SCRIPT` makes a shell of that script as a run of Kafka (unrecorded: its pid is not
//! written down) and answers with its pid; `orphan again STATE_DIR` makes nothing and says so. Then it does what the lines of its stdin
//! say, each answered by a line: `take N` (N bytes of its stdout), `rest TEXT` (keeps it as an unfinished line), `adopt` (the
//! first recorded run), `ends` (how many reading ends of its pipe are open here), `drain` (stdout to its end), `terminate`,
//! `wait`, `exec` (itself, as `again`); and unanswered: `die` (SIGKILL). The end of stdin ends it, and nothing else.

use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use kafka_node::model::{Role, RunId};
use kafka_node::plan::{Reasoned, ServiceSpec};
use kafka_node::process::{
    DRAIN_LIMIT, Records, RunBook, RunMark, Running, Stream, adopt, drain, keep_over_exec, save_rest, spawn,
};
use tokio::io::AsyncReadExt;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _inside = runtime.enter();
    let state_dir = Path::new(args[2]);
    let mut running = match args[1] {
        // Said, since what stood in the old image's stdin buffer is gone with it.
        "again" => {
            answer("again");
            None
        }
        how => Some(make(state_dir, args[3], args[4], how == "made")),
    };
    if let Some(running) = &running {
        answer(&running.pid.to_string());
    }
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match verb {
            "adopt" => {
                let record = Records::read(state_dir).expect("records").runs.remove(0);
                let adopted = adopt(state_dir, &record);
                answer(&adopted.as_ref().map_or_else(ToString::to_string, |running| format!("{:?}", running.origin)));
                running = adopted.ok();
            }
            "die" => signal_self(),
            _ => {
                let running = running.as_mut().expect("a run");
                runtime.block_on(act(running, state_dir, verb, rest));
            }
        }
    }
}

fn make(state_dir: &Path, run: &str, script: &str, recorded: bool) -> Running {
    let run = RunId(u64::from_str_radix(run, 16).expect("a run"));
    let book = RunBook::open(state_dir).expect("a book").0;
    let arg = |text: &str| Reasoned { text: text.to_owned(), why: String::new() };
    let spec = ServiceSpec {
        role: Role::Kafka,
        program: PathBuf::from("/bin/sh"),
        args: vec![arg("-c"), arg(script)],
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        directory: state_dir.to_owned(),
        files: Vec::new(),
        my_id_file: None,
        probe_address: String::new(),
        main_class: "kafka.Kafka",
        proof_args: Vec::new(),
    };
    book.intend(Role::Kafka, run, &[]).expect("written");
    let mark = RunMark { state_dir: state_dir.to_owned(), role: Role::Kafka, run };
    let running = spawn(&spec, mark).expect("a process");
    if recorded {
        book.started(Role::Kafka, run, running.pid, running.start_time).expect("written");
    }
    running
}

async fn act(running: &mut Running, state_dir: &Path, verb: &str, rest: &str) {
    match verb {
        "take" => {
            let mut bytes = vec![0; rest.parse().expect("a number")];
            running.stdout.as_mut().expect("stdout").read_exact(&mut bytes).await.expect("bytes");
            answer(&format!("{:?}", String::from_utf8_lossy(&bytes)));
        }
        "rest" => {
            save_rest(running.mark(), Stream::Out, rest.as_bytes()).expect("saved");
            answer("saved");
        }
        "ends" => {
            let path = running.mark().pipe(Stream::Out).canonicalize().expect("a pipe");
            let open = std::fs::read_dir("/proc/self/fd").expect("descriptors").flatten();
            let ends = open.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|link| link == path)).count();
            answer(&ends.to_string());
        }
        "drain" => {
            let mut text = Vec::new();
            let mut stdout = running.stdout.take().expect("stdout");
            let drained = drain(&mut stdout, std::future::pending(), DRAIN_LIMIT, &mut |bytes: &[u8]| {
                text.extend_from_slice(bytes)
            })
            .await;
            answer(&format!("{drained:?} {:?}", String::from_utf8_lossy(&text)));
        }
        "terminate" => {
            running.terminate();
            answer("told");
        }
        "wait" => answer(&format!("{:?}", running.wait().await)),
        "exec" => {
            for pipe in [&running.stdout, &running.stderr].into_iter().flatten() {
                keep_over_exec(pipe, true).expect("kept");
            }
            let own = std::env::current_exe().expect("itself");
            panic!("{}", std::process::Command::new(own).arg("again").arg(state_dir).exec());
        }
        _ => answer("what?"),
    }
}

fn answer(line: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).expect("an answer");
}

fn signal_self() {
    let own = nix::unistd::Pid::this();
    nix::sys::signal::kill(own, nix::sys::signal::Signal::SIGKILL).expect("a signal");
    // It is not returned from: the signal is on its way.
    loop {
        std::thread::park();
    }
}
