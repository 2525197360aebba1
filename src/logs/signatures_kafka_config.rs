//! Troubles of a broker with what its configuration says. Pure.
//!
//! The texts are those of Kafka 2.6.0 (KafkaConfig.scala, ApiVersion.scala, EndPoint.scala, JaasContext.java,
//! DefaultSslEngineFactory.java). Absent on purpose: what kafka-node itself refuses before a start (`config`, `plan`).

use crate::model::Cure::Operator;
use crate::model::Role::Kafka;

use super::signatures::{Row, row};

pub(super) static ROWS: &[Row] = &[
    row(
        "broker-config",
        60,
        Operator,
        &[
            &["org.apache.kafka.common.config.ConfigException: "],
            &["java.lang.IllegalArgumentException: requirement failed: "],
            &["java.lang.IllegalArgumentException: Error parsing configuration property "],
        ],
        "the broker refused its configuration",
        "mend [kafka.properties] by what the exception names, against the output of kafka-node plan",
    )
    .of(Kafka)
    .at_start(),
    row(
        "broker-config-file",
        60,
        Operator,
        &[&["java.nio.file.NoSuchFileException: ", ".properties"]],
        "the broker's configuration file is gone",
        "see whether something clears the directory of the rendered files (kafka-node plan names it)",
    )
    .of(Kafka)
    .at_start(),
    row(
        "listeners",
        90,
        Operator,
        &[
            &["requirement failed: inter.broker.listener.name must be a listener name defined in "],
            &["requirement failed: control.plane.listener.name must be a listener name defined in "],
            &["requirement failed: advertised.listeners "],
            &["No security protocol defined for listener "],
            &["Each listener must have a different "],
            &["Error creating broker listeners from "],
        ],
        "the broker's listeners contradict each other",
        "make listeners, advertised.listeners, inter.broker.listener.name and listener.security.protocol.map in \
         [kafka.properties] name the same listeners",
    )
    .of(Kafka)
    .at_start(),
    row(
        "protocol-version",
        90,
        Operator,
        &[
            &["log.message.format.version ", " can only be used when inter.broker.protocol.version "],
            &["offsets.topic.compression.codec zstd can only be used when inter.broker.protocol.version "],
            &["Version `", "` is not a valid version"],
        ],
        "inter.broker.protocol.version or log.message.format.version does not fit this Kafka",
        "set both in [kafka.properties] to versions that this Kafka knows, the message format not above the protocol",
    )
    .of(Kafka)
    .at_start(),
    row(
        "keystore",
        92,
        Operator,
        &[
            &["Failed to load SSL keystore "],
            &["keystore password was incorrect"],
            &["Modification time of key store could not be obtained: "],
        ],
        "the broker could not open its keystore or truststore",
        "see whether the file is there, readable and of that type, and whether its password is right",
    )
    .of(Kafka)
    .at_start(),
    row(
        "login-config",
        90,
        Operator,
        &[&["Could not find a '", " entry in ", "JAAS configuration"]],
        "a listener or client of the broker is to log in by SASL, and its JAAS entry is missing",
        "set listener.name.NAME.MECHANISM.sasl.jaas.config in [kafka.properties], or name the JAAS file in jvm_options",
    )
    .of(Kafka)
    .at_start(),
];
