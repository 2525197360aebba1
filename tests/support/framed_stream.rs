//! A log in the stock layout -> the stream that the same records make in our layout. For tests, by its own reading of the layout.
//!
//! Absent on purpose: `logs::Framer`, which is what these streams are for.

/// One record of the stock layout begins here: `[date] LEVEL rest`.
fn head(line: &str) -> Option<(&str, &str, &str)> {
    let (date, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let (level, rest) = rest.split_once(' ')?;
    let known = ["FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level);
    (known && date.len() == 23 && date.starts_with("20")).then_some((date, level, rest))
}

/// Each record of `log` framed; what belongs to none stays as it is. A record's message ends with ` (logger)`, and below it
/// stands its trace: lines up to the next record that begin with an exception, a frame or a cause.
pub fn framed(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let mut stream = String::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        let Some((date, level, rest)) = head(line) else {
            stream.push_str(line);
            stream.push('\n');
            continue;
        };
        let mut message = vec![rest];
        let begun = at;
        // A message of several lines has its logger in the last one.
        while !ends_with_logger(message[message.len() - 1]) {
            let Some(next) = lines.get(at).filter(|next| head(next).is_none() && !of_trace(next)) else { break };
            message.push(next);
            at += 1;
        }
        // Some samples were cut before their logger, or lack the first line of a trace: such a record stays as it is.
        let torn = lines.get(at).is_some_and(|next| next.starts_with('\t'));
        if torn || !ends_with_logger(message[message.len() - 1]) {
            stream.push_str(line);
            stream.push('\n');
            at = begun;
            continue;
        }
        let text = message.join("\n");
        let (text, logger) =
            text.rsplit_once(" (").map_or((text.as_str(), ""), |(text, tail)| (text, tail.trim_end_matches(')')));
        stream.push_str(&format!("\u{1e}{level}\u{1f}{date}\u{1f}{logger}\u{1f}main\u{1f}{text}\u{1f}"));
        while let Some(next) = lines.get(at).filter(|next| of_trace(next)) {
            stream.push_str(next);
            stream.push('\n');
            at += 1;
        }
        stream.push_str("\u{1e}\n");
    }
    stream
}

fn ends_with_logger(line: &str) -> bool {
    line.ends_with(')')
        && line.rsplit_once(" (").is_some_and(|(_, logger)| logger.contains('.') && !logger.contains(' '))
}

fn of_trace(line: &str) -> bool {
    let class = line.split(':').next().unwrap_or_default();
    let exception =
        class.contains('.') && !class.contains(' ') && (class.contains("Exception") || class.contains("Error"));
    head(line).is_none()
        && (exception || line.starts_with("\tat ") || line.starts_with("\t... ") || line.starts_with("Caused by: "))
}
