//! What the units and their variables say of the JVMs: heap, options, Java, log file, user.
//!
//! Absent on purpose: what the unit of kafka-node sets (`units/`), and JMX without authentication, which is never taken over.

use crate::model::Role;

use super::Inputs;
use super::note::{Notes, shown};
use super::said::Said;
use super::unit::{Unit, words};

/// `LimitNOFILE=` of `kafka-node.service`.
const OPEN_FILES: u64 = 262_144;
/// `KAFKA_JVM_PERFORMANCE_OPTS` of the stock scripts, by how each begins.
const STOCK: [&str; 8] = [
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-XX:MaxInlineLevel=15",
    "-Djava.awt.headless=true",
    "-Dsun.net.inetaddr.ttl=",
];
const JMX: &str = "-Dcom.sun.management.jmxremote";

/// Takes what both units say.
pub(super) fn take(inputs: &Inputs, said: &mut Said, notes: &mut Notes) {
    if let Some(home) = &inputs.home {
        said.set_text("kafka.home", home);
        notes.taken("", &format!("Kafka in {home}"), "[kafka] home");
    }
    for path in &inputs.strange_units {
        let why = "its variables, options, user and limits are not known to import: compare them with kafka-node plan by hand";
        notes.danger("", &format!("{path} starts neither zookeeper-server-start.sh nor kafka-server-start.sh"), why);
    }
    let mut java: Option<&str> = None;
    for (role, unit) in &inputs.units {
        let path = unit.paths.first().map_or("", String::as_str);
        if let Some(home) = unit.environment.get("JAVA_HOME") {
            match java {
                Some(first) if first != home => {
                    let why = "one Java runs both services, the first is taken";
                    notes.danger("", &format!("JAVA_HOME is {first} and {home}"), why);
                }
                Some(_) => {}
                None => {
                    java = Some(home);
                    said.set_text("java.home", home);
                    notes.taken(
                        "",
                        &format!("JAVA_HOME={home}"),
                        "[java] home; \"auto\" would follow an update of Java",
                    );
                }
            }
        }
        options(*role, unit, said, notes);
        limits(path, unit, notes);
    }
}

fn options(role: Role, unit: &Unit, said: &mut Said, notes: &mut Notes) {
    let (heap, options, log4j) = match role {
        Role::Kafka => ("kafka.heap", "kafka.jvm_options", "kafka.log4j"),
        Role::ZooKeeper => ("zookeeper.heap", "zookeeper.jvm_options", "zookeeper.log4j"),
    };
    let of = |name: &str| words(unit.environment.get(name).map_or("", String::as_str));
    let mut kept: Vec<String> = Vec::new();
    let heap_options = of("KAFKA_HEAP_OPTS");
    let size =
        |flag: &str| heap_options.iter().rev().find_map(|option| option.strip_prefix(flag)).map(str::to_lowercase);
    match (size("-Xmx"), size("-Xms")) {
        (Some(most), least) if least.is_none() || least.as_ref() == Some(&most) => {
            said.set_text(heap, &most);
            let rest = heap_options.iter().filter(|option| !option.starts_with("-Xm"));
            kept.extend(rest.cloned());
            notes.taken(
                "",
                &format!("KAFKA_HEAP_OPTS={} ({role})", heap_options.join(" ")),
                format!("[{role}] heap; \"auto\" would measure it"),
            );
        }
        (None, None) if heap_options.is_empty() => {
            notes.left(
                "",
                &format!("no KAFKA_HEAP_OPTS ({role}): the fixed heap of the scripts"),
                format!("[{role}] heap is measured from the memory of the node"),
            );
        }
        _ => {
            kept.extend(heap_options.iter().cloned());
            notes.taken(
                "",
                &format!("KAFKA_HEAP_OPTS={} ({role})", heap_options.join(" ")),
                format!("[{role}] jvm_options"),
            );
        }
    }
    for name in ["KAFKA_JVM_PERFORMANCE_OPTS", "KAFKA_OPTS"] {
        for option in of(name) {
            if STOCK.iter().any(|stock| option.starts_with(stock)) {
                notes.left("", &format!("{option} ({role})"), "kafka-node gives the stock options that count itself");
            } else if option.starts_with(JMX) {
                kept.push(option);
            } else {
                notes.taken("", &format!("{} ({role}, {name})", shown("", &option)), format!("[{role}] jvm_options"));
                kept.push(option);
            }
        }
    }
    jmx(role, unit, &of("KAFKA_JMX_OPTS"), &mut kept, notes);
    if unit.environment.contains_key("KAFKA_GC_LOG_OPTS") {
        notes.left("", &format!("KAFKA_GC_LOG_OPTS ({role})"), "kafka-node keeps a GC log of 100 MB itself");
    }
    log_file(role, log4j, unit, &of("KAFKA_LOG4J_OPTS"), &mut kept, said, notes);
    if !kept.is_empty() {
        said.set_list(options, &kept);
    }
}

fn jmx(role: Role, unit: &Unit, options: &[String], kept: &mut Vec<String>, notes: &mut Notes) {
    // They may stand among the other options too.
    let (others, all): (Vec<String>, Vec<String>) = kept.drain(..).partition(|option| !option.starts_with(JMX));
    *kept = others;
    let all: Vec<String> = all.into_iter().chain(options.iter().cloned()).collect();
    let options = all.as_slice();
    let port = unit.environment.get("JMX_PORT");
    let said = options.iter().find_map(|option| option.strip_prefix(JMX)?.strip_prefix(".port=")).unwrap_or_default();
    let off = |what: &str| options.iter().any(|option| *option == format!("{JMX}.{what}=false"));
    let remote = port.is_some() || options.iter().any(|option| option.starts_with(&format!("{JMX}.port=")));
    if remote && (options.is_empty() || off("authenticate")) {
        let what = format!("JMX without authentication at port {} ({role})", port.map_or(said, String::as_str));
        let why = format!(
            "who reaches that port runs code as the broker's user: not taken over. [{role}] jvm_options takes {JMX}.port and \
             {JMX}.password.file, or an agent"
        );
        notes.danger("", &what, why);
        return;
    }
    for option in options {
        notes.taken("", &format!("{} ({role})", shown("", option)), format!("[{role}] jvm_options"));
    }
    kept.extend_from_slice(options);
    if let Some(port) = port.filter(|_| !options.is_empty()) {
        kept.push(format!("{JMX}.port={port}"));
        notes.taken("", &format!("JMX_PORT={port} ({role})"), format!("[{role}] jvm_options"));
    }
}

/// The scripts' own file gives way to ours; one of the operator's stays.
fn log_file(
    role: Role,
    key: &'static str,
    unit: &Unit,
    options: &[String],
    kept: &mut Vec<String>,
    said: &mut Said,
    notes: &mut Notes,
) {
    let directory = unit.environment.get("LOG_DIR");
    let mut own = false;
    for option in options {
        let file = option.strip_prefix("-Dlog4j.configuration=").map(|url| url.trim_start_matches("file:"));
        match file {
            Some(file) if !file.ends_with("/config/log4j.properties") && file.starts_with('/') => {
                let file = format!("/{}", file.trim_start_matches('/'));
                own = true;
                notes.taken(
                    "",
                    &format!("{option} ({role})"),
                    format!("[{role}] log4j; without it the journal gets each record with its level"),
                );
                said.set_text(key, &file);
            }
            Some(_) => notes.left("", &format!("{option} ({role})"), "kafka-node writes its own, for the journal"),
            None => {
                notes.taken("", &format!("{} ({role})", shown("", option)), format!("[{role}] jvm_options"));
                kept.push(option.clone());
            }
        }
    }
    match directory {
        Some(directory) if own => {
            kept.push(format!("-Dkafka.logs.dir={directory}"));
            notes.taken(
                "",
                &format!("LOG_DIR={directory} ({role})"),
                "-Dkafka.logs.dir, which the log4j file may name",
            );
        }
        Some(directory) => {
            notes.left("", &format!("LOG_DIR={directory} ({role})"), "logs go to the journal; old files may be deleted")
        }
        None => {}
    }
}

fn limits(path: &str, unit: &Unit, notes: &mut Notes) {
    match unit.user.as_deref() {
        Some("kafka") => notes.left("", &format!("User=kafka in {path}"), "kafka-node.service runs as kafka too"),
        user => {
            let what = format!("{path} runs as {}", user.unwrap_or("root"));
            let why = "kafka-node.service runs as kafka: kafka-node setup --chown gives the data to it, once this unit is stopped";
            notes.danger("", &what, why);
        }
    }
    if let Some(text) = &unit.open_files {
        let what = format!("LimitNOFILE={text} in {path}");
        let hard = text.rsplit(':').next().unwrap_or(text);
        match hard.parse::<u64>() {
            Ok(number) if number <= OPEN_FILES => notes.left("", &what, format!("kafka-node.service has {OPEN_FILES}")),
            _ => notes.danger("", &what, format!("kafka-node.service has {OPEN_FILES}: a drop-in of it raises that")),
        }
    }
}
