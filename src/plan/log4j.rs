//! The log4j 1.2 file of each service: everything to standard output, once. log4j 1.2 and reload4j read it alike.
//!
//! The stock file sends every line to the console *and* to hourly files that nobody deletes, and the controller's lines to a
//! file only. Absent on purpose: files and rotation (the journal's work), and a layout of ours: the stock one is what people know.

use crate::model::Role;

use super::properties::Properties;

/// The file of `role`.
pub(super) fn properties(role: Role) -> Properties {
    let mut file = Properties::default();
    file.own("log4j.rootLogger", "INFO, stdout", "the stock level; standard output is read by kafka-node");
    file.own("log4j.appender.stdout", "org.apache.log4j.ConsoleAppender", "the one appender: each line once");
    file.own("log4j.appender.stdout.layout", "org.apache.log4j.PatternLayout", "stock");
    file.own("log4j.appender.stdout.layout.ConversionPattern", "[%d] %p %m (%c)%n", "stock");
    match role {
        Role::ZooKeeper => quiet_probes(&mut file),
        Role::Kafka => broker_levels(&mut file),
    }
    file
}

/// In ZooKeeper 3.5.8 the only INFO line of these two classes is "Processing srvr command from ..", one for each probe of ours and of
/// each peer. Their warnings stay.
fn quiet_probes(file: &mut Properties) {
    let why = "its only INFO line is \"Processing srvr command\", one for each probe; its warnings stay";
    file.own("log4j.logger.org.apache.zookeeper.server.NIOServerCnxn", "WARN", why);
    file.own(
        "log4j.logger.org.apache.zookeeper.server.NettyServerCnxn",
        "WARN",
        "the same with serverCnxnFactory=Netty",
    );
}

/// The stock levels, but for the controller's TRACE: a file of its own bears that, a journal does not.
fn broker_levels(file: &mut Properties) {
    let levels = [
        (
            "kafka",
            "INFO",
            "stock; log loading and recovery tell their steps at INFO, and these are watched as progress",
        ),
        ("org.apache.kafka", "INFO", "stock"),
        ("org.apache.zookeeper", "INFO", "stock: the broker's ZooKeeper client"),
        ("kafka.request.logger", "WARN", "stock: DEBUG or TRACE logs each request"),
        ("kafka.network.RequestChannel$", "WARN", "stock"),
        ("kafka.controller", "INFO", "stock is TRACE, into a file of its own"),
        ("kafka.log.LogCleaner", "INFO", "stock"),
        ("state.change.logger", "INFO", "stock"),
        ("kafka.authorizer.logger", "INFO", "stock: denials; DEBUG logs what was allowed too"),
    ];
    for (logger, level, why) in levels {
        file.own(&format!("log4j.logger.{logger}"), level, why);
    }
}
