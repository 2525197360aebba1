//! Versions read from text: Java's `release` file and `-version` output, and the names of jars. Pure; bytes in, never a panic.

/// The version in a `release` file: `JAVA_VERSION="11.0.24"`.
pub(super) fn release(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let value = text.lines().find_map(|line| line.trim().strip_prefix("JAVA_VERSION="))?;
    plausible(value.trim().trim_matches('"'))
}

/// The version in what `java -version` prints: `openjdk version "11.0.24" 2024-07-16`.
pub(super) fn printed(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().find(|line| line.contains(" version \""))?;
    plausible(line.split('"').nth(1)?)
}

fn plausible(version: &str) -> Option<String> {
    let version: String = version.chars().take(40).filter(char::is_ascii_graphic).collect();
    feature(&version).map(|_| version)
}

/// The feature number: 8 of `1.8.0_412`, 11 of `11.0.24`, 25 of `25-ea`.
pub(super) fn feature(version: &str) -> Option<u32> {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match numbers.next()?.ok()? {
        1 => numbers.next()?.ok(),
        feature => Some(feature),
    }
}

/// A version's numbers, for telling the newer of two.
pub(super) fn numbers(version: &str) -> Vec<u32> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

/// Kafka's version in the name of its core jar: `kafka_2.13-2.6.0.jar`.
pub(super) fn kafka_jar(name: &str) -> Option<&str> {
    let (scala, version) = name.strip_prefix("kafka_")?.strip_suffix(".jar")?.split_once('-')?;
    (starts_with_digit(scala) && is_release(version)).then_some(version)
}

/// ZooKeeper's version in the name of its jar: `zookeeper-3.5.8.jar`.
pub(super) fn zookeeper_jar(name: &str) -> Option<&str> {
    let version = name.strip_prefix("zookeeper-")?.strip_suffix(".jar")?;
    (starts_with_digit(version) && is_release(version)).then_some(version)
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Jars of sources, documentation and tests carry a classifier behind the version.
fn is_release(version: &str) -> bool {
    let classifiers = ["-sources", "-javadoc", "-scaladoc", "-test", "-tests", "-test-sources"];
    starts_with_digit(version) && !classifiers.iter().any(|classifier| version.ends_with(classifier))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_read_as_each_java_writes_them() {
        assert_eq!(
            release(b"IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"11.0.24\"\nJAVA_VERSION_DATE=\"y\"\n"),
            Some("11.0.24".into())
        );
        assert_eq!(release(b"JAVA_VERSION=\"new\"\n"), None);
        let printed_8 = b"openjdk version \"1.8.0_412\"\nOpenJDK Runtime Environment (build 1.8.0_412-b08)\n";
        assert_eq!(printed(printed_8), Some("1.8.0_412".into()));
        assert_eq!(
            printed(b"Picked up _JAVA_OPTIONS: x\njava version \"17.0.1\" 2021-10-19 LTS\n"),
            Some("17.0.1".into())
        );
        let features = ["1.8.0_412", "11.0.24", "25-ea", "17", "x"].map(feature);
        assert_eq!(features, [Some(8), Some(11), Some(25), Some(17), None]);
        assert!(numbers("11.0.24") > numbers("11.0.9"));
    }

    #[test]
    fn jars_tell_their_versions() {
        assert_eq!(kafka_jar("kafka_2.13-2.6.0.jar"), Some("2.6.0"));
        assert_eq!(kafka_jar("kafka_2.13-2.6.0-sources.jar"), None);
        assert_eq!(kafka_jar("kafka-clients-2.6.0.jar"), None);
        assert_eq!(zookeeper_jar("zookeeper-3.5.8.jar"), Some("3.5.8"));
        assert_eq!(zookeeper_jar("zookeeper-jute-3.5.8.jar"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), text in "\\PC{0,40}") {
            release(&bytes);
            printed(&bytes);
            printed(format!("java version \"{text}\"").as_bytes());
            release(format!("JAVA_VERSION={text}").as_bytes());
            kafka_jar(&text);
            zookeeper_jar(&text);
            numbers(&text);
        }
    }
}
