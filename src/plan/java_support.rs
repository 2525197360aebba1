//! Which Javas can run both services, judged by feature number alone.
//!
//! Absent on purpose: finding them (`observe/java`). Why these: `docs/adr/0010-which-java.md`.

use crate::config::Config;

/// Whether a Java may run ZooKeeper and Kafka 2.6 to 3.9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JavaSupport {
    /// A long-term release that is known to run both.
    Good,
    /// Nothing is known against it, and nobody tried; in words.
    Untried(String),
    /// It cannot run them as configured; in words.
    Refused(String),
}

/// The oldest Java that Kafka 2.6 to 3.9 run on.
pub const OLDEST: u32 = 8;

/// Long-term releases. 11, 17 and 25 were run with Kafka 2.6.0 and ZooKeeper 3.5.8; 8 is in Kafka's own test matrix of all
/// these lines, and 21 lies between two that work and is in that of 3.7 to 3.9.
const KNOWN_GOOD: [u32; 5] = [8, 11, 17, 21, 25];

/// From here on `Subject.getSubject` throws, which the SASL client of every Kafka before 4.0 calls to log in.
const NO_SUBJECT: u32 = 24;

/// Judges Java `major` for a node that uses SASL, or not.
pub fn judge(major: u32, uses_sasl: bool) -> JavaSupport {
    if major < OLDEST {
        return JavaSupport::Refused(format!("Java {major} is too old: Kafka and ZooKeeper need {OLDEST} or newer"));
    }
    if major >= NO_SUBJECT && uses_sasl {
        return JavaSupport::Refused(format!(
            "Java {major} cannot log in by SASL with this Kafka (Subject.getSubject is gone since Java {NO_SUBJECT}): use Java 8 to 21"
        ));
    }
    if KNOWN_GOOD.contains(&major) {
        return JavaSupport::Good;
    }
    let newest = KNOWN_GOOD.iter().max().unwrap_or(&OLDEST);
    JavaSupport::Untried(if major > *newest {
        format!("Java {major} is newer than any that kafka-node was tried with (up to {newest})")
    } else {
        format!("Java {major} is no long-term release and was not tried: prefer 8, 11, 17, 21 or 25")
    })
}

/// Whether anything in the configuration asks for SASL.
pub fn uses_sasl(config: &Config) -> bool {
    let kafka = config.kafka.properties.iter().any(|property| {
        property.key.contains("sasl.") || property.key == "zookeeper.sasl.client" || property.value.contains("SASL_")
    });
    let zookeeper = config.zookeeper.properties.iter().any(|property| {
        property.key.starts_with("quorum.auth.") || property.value.contains("SASLAuthenticationProvider")
    });
    let options = config.kafka.jvm_options.iter().chain(&config.zookeeper.jvm_options);
    let logs_in = |text: &str| text.starts_with("-Djava.security.auth.login.config=");
    kafka || zookeeper || options.into_iter().any(|option| logs_in(&option.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_ones_are_good_and_the_rest_is_refused_or_untried_in_words() {
        for major in KNOWN_GOOD {
            assert_eq!(judge(major, false), JavaSupport::Good, "{major}");
        }
        let words = |support| match support {
            JavaSupport::Good => "good".to_string(),
            JavaSupport::Untried(words) | JavaSupport::Refused(words) => words,
        };
        assert_eq!(words(judge(7, false)), "Java 7 is too old: Kafka and ZooKeeper need 8 or newer");
        assert!(matches!(judge(14, false), JavaSupport::Untried(_)));
        assert!(words(judge(26, false)).contains("newer than any"));
        assert!(matches!(judge(25, true), JavaSupport::Refused(_)));
        assert_eq!(judge(21, true), JavaSupport::Good);
    }
}
