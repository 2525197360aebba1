//! The log4j 1.2 file of each service: everything to standard output, once, with marks by which `logs` tells records apart.
//! log4j 1.2 (1.2.16 and later) and reload4j read it alike.
//!
//! The stock file sends every line to the console *and* to hourly files that nobody deletes, and the controller's lines to a
//! file only. With `[log] files` one bounded file a service is written beside. Absent on purpose: log4j2 (Kafka 4 and later).

use std::path::Path;

use crate::model::Role;

use super::layout::PATTERN;
use super::properties::Properties;

/// The layout of the stock files.
const STOCK: &str = "[%d] %p %m (%c)%n";

/// The file of `role`; with a copy in the stock layout below `copies`.
pub(super) fn properties(role: Role, copies: Option<&Path>) -> Properties {
    let mut file = Properties::default();
    let root = if copies.is_some() { "INFO, stdout, file" } else { "INFO, stdout" };
    file.own("log4j.rootLogger", root, "the stock level; standard output is read by kafka-node");
    let appender = if copies.is_some() { "what the journal gets" } else { "the one appender: each record once" };
    file.own("log4j.appender.stdout", "org.apache.log4j.ConsoleAppender", appender);
    let encoding = "the JVM's own may be ASCII, without LANG, and would print a ? for each other letter";
    file.own("log4j.appender.stdout.encoding", "UTF-8", encoding);
    let layout = "the stock PatternLayout has no stack trace among its fields";
    file.own("log4j.appender.stdout.layout", "org.apache.log4j.EnhancedPatternLayout", layout);
    let marks = "level, time, logger, thread, message, stack trace, between control characters that no message holds";
    file.own("log4j.appender.stdout.layout.ConversionPattern", PATTERN, marks);
    if let Some(directory) = copies {
        stock_file(&mut file, role, directory);
    }
    match role {
        Role::ZooKeeper => quiet_probes(&mut file),
        Role::Kafka => broker_levels(&mut file),
    }
    file
}

/// What tools and people know from elsewhere, bounded to 1.1 GB.
fn stock_file(file: &mut Properties, role: Role, directory: &Path) {
    let name = match role {
        Role::ZooKeeper => "zookeeper.log",
        Role::Kafka => "server.log",
    };
    let path = directory.join(name).display().to_string();
    file.own("log4j.appender.file", "org.apache.log4j.RollingFileAppender", "[log] files");
    file.own("log4j.appender.file.File", path, "[paths] log_dir");
    file.own("log4j.appender.file.MaxFileSize", "100MB", "the stock files are cut each hour, and never deleted");
    file.own("log4j.appender.file.MaxBackupIndex", "10", "so many files before the present one");
    file.own("log4j.appender.file.encoding", "UTF-8", "as above");
    file.own("log4j.appender.file.layout", "org.apache.log4j.PatternLayout", "stock");
    file.own("log4j.appender.file.layout.ConversionPattern", STOCK, "stock");
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
