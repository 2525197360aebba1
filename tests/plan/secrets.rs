//! What an operator passes through in confidence: written for the JVMs, printed nowhere, and known to whoever masks logs.
//!
//! Absent on purpose: the mode of the written files (`tests/process.rs`), and each rule of what a secret is (`config/secret`).

use std::fmt::Write;

use kafka_node::config::Config;
use kafka_node::plan::{make, print};

use crate::builder::{facts, founding, option, property};

/// Each secret has `geheim` in it, and is found in no other place.
fn confident() -> Config {
    let mut config = founding();
    config.kafka.properties = vec![
        property("ssl.keystore.password", "geheim-1", 31),
        property("ssl.keystore.key", "-----BEGIN geheim-2", 32),
        property(
            "listener.name.sasl_ssl.plain.sasl.jaas.config",
            "x.PlainLoginModule required username=\"admin\" password=\"geheim-3\" user_admin=\"geheim-4\";",
            33,
        ),
        property("password.encoder.secret", "geheim-5", 34),
        property("password.encoder.iterations", "8192", 35),
        property("metric.reporters.url", "https://me:geheim-6@metrics/", 36),
    ];
    config.kafka.jvm_options = vec![
        option("-Djavax.net.ssl.trustStorePassword=geheim-7", 41),
        option("-javaagent:/opt/agent.jar=port=1,apiKey=geheim-8", 42),
    ];
    config.zookeeper.properties = vec![property("ssl.quorum.keyStore.password", "geheim-9", 51)];
    config.zookeeper.jvm_options =
        vec![option("-Dzookeeper.DigestAuthenticationProvider.superDigest=super:geheim-0", 52)];
    config
}

#[test]
fn a_plan_shows_no_secret_and_writes_each() {
    let plan = make(confident(), facts("11.0.24"));
    let mut shown = print(&plan);
    write!(shown, "{plan:?}").expect("text");
    let leak = shown.find("geheim").map(|at| &shown[at.saturating_sub(80)..(at + 20).min(shown.len())]);
    assert_eq!(leak, None);
    assert!(shown.contains("ssl.keystore.password=…"));
    let written: String =
        plan.services.iter().flat_map(|service| &service.files).map(|file| file.text.as_str()).collect();
    let given: String = plan.services.iter().flat_map(|service| &service.args).map(|arg| arg.text.as_str()).collect();
    for number in 0..10 {
        assert!(format!("{written}{given}").contains(&format!("geheim-{number}")), "geheim-{number} reaches no JVM");
    }
}

#[test]
fn the_values_that_a_log_must_not_show_are_known() {
    let values = confident().secret_values();
    for number in (0..10).filter(|number| *number != 6) {
        let secret = format!("geheim-{number}");
        assert!(values.iter().any(|value| value.contains(&secret)), "{secret}: {values:?}");
    }
    for alone in ["geheim-3", "geheim-4", "geheim-8"] {
        assert!(values.iter().any(|value| value == alone), "{alone}: {values:?}");
    }
    assert!(
        !values.iter().any(|value| ["admin", "8192", "x.PlainLoginModule"].contains(&value.as_str())),
        "{values:?}"
    );
    assert!(values.windows(2).all(|two| two[0].len() >= two[1].len()), "the longest goes first: {values:?}");
}
