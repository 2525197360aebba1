//! Events of `tracing`, this program's own and its libraries', on their way to whoever writes them down.
//!
//! Heard are WARN and above of everybody, and INFO of this program: the message, and behind it the fields as `key=value`. A
//! library says the same thing each second while a server is away: each of its sentences is passed on once a minute, with the
//! number of those held back. Spans are not heard. Absent on purpose: `tracing-subscriber`, whose registry keeps spans that
//! nobody reads (ADR 16), and events that have a type of their own (`model::Notice`): they come with an id and a remedy.
//!
//! Effects: the one subscriber of this process; the clock says when a minute is over.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::logs::Priority;

/// What this program's own events are aimed at.
const OWN: &str = "kafka_node";
/// How long a library's sentence is not said again.
const QUIET: Duration = Duration::from_secs(60);
/// Sentences of libraries that are kept apart; all of those linked today have some forty.
const SENTENCES: usize = 64;

/// An event in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// How loudly.
    pub priority: Priority,
    /// The message and its fields; of a library, with the library's name before it.
    pub text: String,
    /// Where in the program or library it was said, such as `zookeeper_client::session`.
    pub target: &'static str,
}

impl Told {
    /// Said by this program, not by a library.
    pub fn is_own(&self) -> bool {
        is_own(self.target)
    }
}

type Way = Box<dyn Fn(Told) + Send + Sync>;

/// Where events go. Changed when the log thread takes over from the streams of a command.
static WAY: Mutex<Option<Way>> = Mutex::new(None);

/// From here on every event goes to `way`, in place of where it went before. `way` must not block for long, nor make events.
pub fn hear(way: impl Fn(Told) + Send + Sync + 'static) {
    *lock(&WAY) = Some(Box::new(way));
    // Refused where it is done already: the one that is there looks at `WAY` too.
    let _ = tracing::subscriber::set_global_default(Hearer { said: Mutex::new(Vec::new()) });
}

#[derive(Debug)]
struct Hearer {
    said: Mutex<Vec<Said>>,
}

/// A library's sentence, by the place that says it.
#[derive(Debug)]
struct Said {
    sentence: Identifier,
    at: Instant,
    held_back: u64,
}

impl Subscriber for Hearer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_heard(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_heard(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let own = is_own(metadata.target());
        let held_back = if own { Some(0) } else { self.may_say(metadata.callsite(), Instant::now()) };
        let Some(held_back) = held_back else { return };
        let mut words = Words::default();
        event.record(&mut words);
        let text = words.text(if own { "" } else { metadata.target() }, held_back);
        let told = Told { priority: priority(*metadata.level()), text, target: metadata.target() };
        if let Some(way) = &*lock(&WAY) {
            way(told);
        }
    }

    // Spans are not enabled, so none of these is ever called with one of ours.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Hearer {
    /// Whether a library's sentence is said now, and how many like it were held back before.
    fn may_say(&self, sentence: Identifier, now: Instant) -> Option<u64> {
        let mut said = lock(&self.said);
        if let Some(last) = said.iter_mut().find(|last| last.sentence == sentence) {
            if now.saturating_duration_since(last.at) < QUIET {
                last.held_back += 1;
                return None;
            }
            last.at = now;
            return Some(std::mem::take(&mut last.held_back));
        }
        if said.len() < SENTENCES {
            said.push(Said { sentence, at: now, held_back: 0 });
        }
        Some(0)
    }
}

fn is_own(target: &str) -> bool {
    target.strip_prefix(OWN).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn is_heard(metadata: &Metadata<'_>) -> bool {
    // Levels are ordered by how much they say: INFO is more than WARN.
    let most = if is_own(metadata.target()) { Level::INFO } else { Level::WARN };
    metadata.is_event() && *metadata.level() <= most
}

fn priority(level: Level) -> Priority {
    match level {
        Level::ERROR => Priority::Error,
        Level::WARN => Priority::Warning,
        Level::INFO => Priority::Info,
        _ => Priority::Debug,
    }
}

/// The message and the fields of an event.
#[derive(Debug, Default)]
struct Words {
    message: String,
    fields: String,
}

impl Words {
    fn text(self, target: &str, held_back: u64) -> String {
        let Words { message, fields } = self;
        let library = target.split("::").next().unwrap_or_default();
        let lead = if library.is_empty() { String::new() } else { format!("{library}: ") };
        let held_back = if held_back == 0 { String::new() } else { format!(" held_back={held_back}") };
        format!("{lead}{message}{fields}{held_back}")
    }

    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let _ = match field.name() {
            "message" => self.message.write_fmt(value),
            name => write!(self.fields, " {name}={value}"),
        };
    }
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // Quoted where it would be taken for more than one.
        if field.name() == "message" || !value.contains([' ', '=', '"', '\n']) && !value.is_empty() {
            self.put(field, format_args!("{value}"));
        } else {
            self.put(field, format_args!("{value:?}"));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here panics half way; a way that did left a whole state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// What is told of what `say` says. One test alone, since the way is the whole process's.
    fn told(say: impl FnOnce()) -> Vec<Told> {
        let all = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&all);
        *lock(&WAY) = Some(Box::new(move |told| lock(&kept).push(told)));
        tracing::subscriber::with_default(Hearer { said: Mutex::new(Vec::new()) }, say);
        *lock(&WAY) = None;
        let all = lock(&all);
        all.clone()
    }

    #[test]
    fn own_events_are_heard_from_info_on_and_libraries_from_warn_on_once_a_minute() {
        let of_library = |n: u32| tracing::warn!(target: "library::inner", n, "fails to connect");
        let all = told(|| {
            tracing::info!(path = "/a", words = "two words", n = 3, ok = true, "the record was {}", "read");
            tracing::error!(target: "kafka_node", error = %"x y", "gone");
            tracing::debug!("not heard");
            tracing::info!(target: "library", "not heard");
            tracing::warn!(target: "kafka_nodes", "another's");
            tracing::warn_span!("span").in_scope(|| tracing::warn!(only = 1));
            (1..4).for_each(of_library);
        });
        let texts: Vec<(Priority, &str)> = all.iter().map(|told| (told.priority, told.text.as_str())).collect();
        assert_eq!(
            texts,
            [
                (Priority::Info, "the record was read path=/a words=\"two words\" n=3 ok=true"),
                (Priority::Error, "gone error=x y"),
                (Priority::Warning, "kafka_nodes: another's"),
                (Priority::Warning, " only=1"),
                (Priority::Warning, "library: fails to connect n=1"),
            ]
        );
        assert_eq!(all.iter().map(Told::is_own).collect::<Vec<_>>(), [true, true, false, true, false]);
        assert_eq!(all[4].target, "library::inner");
    }

    #[test]
    fn what_was_held_back_is_counted() {
        struct Site;
        impl tracing::Callsite for Site {
            fn set_interest(&self, _: Interest) {}
            fn metadata(&self) -> &Metadata<'_> {
                unreachable!("not asked")
            }
        }
        static SITE: Site = Site;
        let hearer = Hearer { said: Mutex::new(Vec::new()) };
        let begun = Instant::now();
        let at = |seconds| hearer.may_say(Identifier(&SITE), begun + Duration::from_secs(seconds));
        assert_eq!([at(0), at(1), at(59), at(60), at(61), at(120)], [Some(0), None, None, Some(2), None, Some(1)]);
        assert_eq!(Words { message: "m".into(), fields: " a=1".into() }.text("lib::x", 2), "lib: m a=1 held_back=2");
    }
}
