//! A process with a log thread and a notify thread of its own, driven by words on its stdin: environment and stderr belong
//! to a whole process, so tests of `notify` give each case one.
//!
//! Every word is answered by a line on stdout with the milliseconds it took: a thread that must never block is watched so.
//! `ready`, `stopping`, `status TEXT`, `statuses N`, `beat` (the loop turns from then on), `stand` (it stops turning),
//! `log N` (N lines of kafka), `error TEXT`, `flush MS`, `finish MS`. The end of stdin ends it.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kafka_node::config::JournalChoice;
use kafka_node::logs::{Origin, Priority, Said};
use kafka_node::model::{BrokerId, RunId};
use kafka_node::notify::log::{self, Sink, Source};
use kafka_node::notify::systemd;

fn main() -> std::io::Result<()> {
    let heartbeat = Arc::new(AtomicU64::new(0));
    let turning = Arc::new(AtomicBool::new(false));
    let (notifier, notify_thread) = systemd::start(Arc::clone(&heartbeat))?;
    let choice =
        if std::env::var("NOTIFY_CHILD_JOURNAL").is_ok() { JournalChoice::Journal } else { JournalChoice::Auto };
    let (sink, log_thread) = log::start(choice, Source { broker: Some(BrokerId(1)), fold_after: 200 })?;
    let (mut log_thread, mut notify_thread) = (Some(log_thread), Some(notify_thread));
    let beats = Arc::clone(&turning);
    std::thread::spawn(move || {
        loop {
            heartbeat.fetch_add(u64::from(beats.load(Ordering::SeqCst)), Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let number = rest.parse::<u64>().unwrap_or_default();
        let begun = Instant::now();
        let mut answer = String::new();
        match verb {
            "ready" => notifier.ready(),
            "stopping" => notifier.stopping(),
            "status" => notifier.status(rest),
            "statuses" => (0..number).for_each(|n| notifier.status(&format!("status {n}"))),
            "beat" => turning.store(true, Ordering::SeqCst),
            "stand" => turning.store(false, Ordering::SeqCst),
            "log" => (0..number).for_each(|n| kafka(&sink, Priority::Info, &format!("line {n}"))),
            "error" => kafka(&sink, Priority::Error, rest),
            "flush" => {
                let flushed = log_thread.take().map(|thread| thread.flush(Duration::from_millis(number)));
                answer = format!("{flushed:?} dropped {}", sink.dropped());
            }
            "finish" => {
                let all = notify_thread.take().is_some_and(|thread| thread.finish(Duration::from_millis(number)));
                answer = format!("all {all} trouble {:?}", notifier.trouble());
            }
            _ => answer = "what?".to_owned(),
        }
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{verb} {} {answer}", begun.elapsed().as_millis())?;
    }
    Ok(())
}

fn kafka(sink: &Sink, priority: Priority, text: &str) {
    let said = Said {
        priority,
        time: b"",
        logger: b"",
        thread: b"",
        message: text.as_bytes(),
        exception: b"",
        continued: false,
    };
    sink.said(Origin::Kafka, RunId(1), &said);
}
