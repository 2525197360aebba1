//! The stock command lines of ZooKeeper and Kafka 2.6.0, as their start scripts compose them, without the scripts:
//! heaps, performance flags, GC log, JMX, log4j, every jar by name. The properties files are the founding document's
//! on top of the stock ones. Absent on purpose: the scripts' own cost (0.3 CPU-s each), which would flatter us.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::failure::{During, Outcome};
use crate::fetch::java::Java;

/// The performance flags of `kafka-run-class.sh` 2.6.0.
const PERFORMANCE: [&str; 7] = [
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-XX:MaxInlineLevel=15",
    "-Djava.awt.headless=true",
];
/// Its JMX flags.
const JMX: [&str; 3] = [
    "-Dcom.sun.management.jmxremote",
    "-Dcom.sun.management.jmxremote.authenticate=false",
    "-Dcom.sun.management.jmxremote.ssl=false",
];

/// A node of the stock set-up.
#[derive(Debug, Clone, Copy)]
pub struct Stock<'a> {
    /// Kafka's home.
    pub kafka_home: &'a Path,
    /// Its Java.
    pub java: &'a Java,
    /// Where it listens.
    pub address: Ipv4Addr,
    /// The addresses of all nodes, their ids counted from 1; its own is among them.
    pub members: &'a [Ipv4Addr],
    /// The heaps of ZooKeeper and Kafka; both JVMs begin with all of it.
    pub heaps: (&'a str, &'a str),
    /// Its directory.
    pub dir: &'a Path,
}

/// Both JVMs, started at once.
pub fn start(stock: &Stock<'_>) -> Outcome<[Child; 2]> {
    for below in ["zookeeper", "kafka", "logs"] {
        fs::create_dir_all(stock.dir.join(below)).during(|| format!("create {below}"))?;
    }
    let zookeeper = stock.write("zookeeper.properties", stock.zookeeper_properties())?;
    stock.write("zookeeper/myid", format!("{}\n", stock.id()))?;
    let mut first =
        stock.jvm("zookeeper", stock.heaps.0, "org.apache.zookeeper.server.quorum.QuorumPeerMain", &zookeeper)?;
    match stock.broker() {
        Ok(second) => Ok([first, second]),
        Err(failure) => {
            // It would outlive us otherwise; the failure is what matters.
            let _ = first.kill().and_then(|()| first.wait());
            Err(failure)
        }
    }
}

impl Stock<'_> {
    /// Kafka alone, as a start script would start it.
    pub fn broker(&self) -> Outcome<Child> {
        let properties = self.write("server.properties", self.server_properties())?;
        self.jvm("kafkaServer", self.heaps.1, "kafka.Kafka", &properties)
    }

    fn jvm(&self, name: &str, heap: &str, main: &str, properties: &Path) -> Outcome<Child> {
        let logs = self.dir.join("logs");
        let log4j = self.write("log4j.properties", log4j())?;
        let mut command = Command::new(self.java.home.join("bin/java"));
        command
            .args([format!("-Xmx{heap}"), format!("-Xms{heap}")])
            .args(PERFORMANCE)
            .args(gc_log(self.java.major, &logs.join(format!("{name}-gc.log"))))
            .args(JMX);
        command
            .arg(format!("-Dkafka.logs.dir={}", logs.display()))
            .arg(format!("-Dlog4j.configuration=file:{}", log4j.display()));
        command.arg("-cp").arg(class_path(self.kafka_home)?).arg(main).arg(properties);
        let file = self.dir.join(format!("{name}.out"));
        let out =
            File::options().create(true).append(true).open(&file).during(|| format!("open {}", file.display()))?;
        let err = out.try_clone().during(|| "share an output".into())?;
        command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().during(|| format!("start {name}"))
    }

    fn write(&self, name: &str, text: String) -> Outcome<PathBuf> {
        let path = self.dir.join(name);
        fs::write(&path, text).during(|| format!("write {}", path.display())).map(|()| path)
    }

    fn id(&self) -> usize {
        self.members.iter().position(|member| *member == self.address).map_or(1, |at| at + 1)
    }

    fn zookeeper_properties(&self) -> String {
        let mut text = format!(
            "dataDir={}\nclientPort=2181\nclientPortAddress={}\nmaxClientCnxns=0\nadmin.enableServer=false\n\
             tickTime=2000\ninitLimit=10\nsyncLimit=5\n",
            self.dir.join("zookeeper").display(),
            self.address
        );
        for (address, id) in self.members.iter().zip(1..) {
            text.push_str(&format!("server.{id}={address}:2888:3888\n"));
        }
        text
    }

    /// The stock file's settings, with the founding document's id, listeners and ensemble, and the run's own directory.
    fn server_properties(&self) -> String {
        let (id, address) = (self.id(), self.address);
        let ensemble: Vec<String> = self.members.iter().map(|member| format!("{member}:2181")).collect();
        format!(
            "broker.id={id}\nlisteners=PLAINTEXT://{address}:9092\nadvertised.listeners=PLAINTEXT://{address}:9092\n\
             num.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\nsocket.receive.buffer.bytes=102400\n\
             socket.request.max.bytes=104857600\nlog.dirs={}\nnum.partitions=1\nnum.recovery.threads.per.data.dir=1\n\
             offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             log.retention.hours=168\nlog.segment.bytes=1073741824\nlog.retention.check.interval.ms=300000\n\
             zookeeper.connect={}\nzookeeper.connection.timeout.ms=18000\ngroup.initial.rebalance.delay.ms=0\n",
            self.dir.join("kafka").display(),
            ensemble.join(",")
        )
    }
}

/// Every jar by its path, in the order of the shell's glob.
fn class_path(home: &Path) -> Outcome<String> {
    let libs = home.join("libs");
    let mut jars: Vec<String> = fs::read_dir(&libs)
        .during(|| format!("read {}", libs.display()))?
        .flatten()
        .map(|entry| entry.path().display().to_string())
        .collect();
    jars.sort();
    Ok(jars.join(":"))
}

/// `kafka-run-class.sh` writes it differently for Java 8.
fn gc_log(major: u32, file: &Path) -> Vec<String> {
    let file = file.display();
    if major >= 9 {
        return vec![format!("-Xlog:gc*:file={file}:time,tags:filecount=10,filesize=102400")];
    }
    let rest = [
        "-verbose:gc",
        "-XX:+PrintGCDetails",
        "-XX:+PrintGCDateStamps",
        "-XX:+PrintGCTimeStamps",
        "-XX:+UseGCLogFileRotation",
    ];
    let sizes = ["-XX:NumberOfGCLogFiles=10", "-XX:GCLogFileSize=100M"];
    std::iter::once(format!("-Xloggc:{file}")).chain(rest.into_iter().chain(sizes).map(str::to_owned)).collect()
}

/// The stock log4j settings in effect: all to stdout and `server.log`, five more hourly files, the controller at TRACE.
fn log4j() -> String {
    let pattern = "[%d] %p %m (%c)%n";
    let mut text = format!(
        "log4j.rootLogger=INFO, stdout, kafkaAppender\n\
         log4j.appender.stdout=org.apache.log4j.ConsoleAppender\n\
         log4j.appender.stdout.layout=org.apache.log4j.PatternLayout\n\
         log4j.appender.stdout.layout.ConversionPattern={pattern}\n"
    );
    let files = [
        ("kafkaAppender", "server"),
        ("stateChangeAppender", "state-change"),
        ("requestAppender", "kafka-request"),
        ("cleanerAppender", "log-cleaner"),
        ("controllerAppender", "controller"),
        ("authorizerAppender", "kafka-authorizer"),
    ];
    for (appender, file) in files {
        text.push_str(&format!(
            "log4j.appender.{appender}=org.apache.log4j.DailyRollingFileAppender\n\
             log4j.appender.{appender}.DatePattern='.'yyyy-MM-dd-HH\n\
             log4j.appender.{appender}.File=${{kafka.logs.dir}}/{file}.log\n\
             log4j.appender.{appender}.layout=org.apache.log4j.PatternLayout\n\
             log4j.appender.{appender}.layout.ConversionPattern={pattern}\n"
        ));
    }
    for logger in ["org.apache.zookeeper", "kafka", "org.apache.kafka"] {
        text.push_str(&format!("log4j.logger.{logger}=INFO\n"));
    }
    let own = [
        ("kafka.request.logger", "WARN", "requestAppender"),
        ("kafka.network.RequestChannel$", "WARN", "requestAppender"),
        ("kafka.controller", "TRACE", "controllerAppender"),
        ("kafka.log.LogCleaner", "INFO", "cleanerAppender"),
        ("state.change.logger", "INFO", "stateChangeAppender"),
        ("kafka.authorizer.logger", "INFO", "authorizerAppender"),
    ];
    for (logger, level, appender) in own {
        text.push_str(&format!("log4j.logger.{logger}={level}, {appender}\nlog4j.additivity.{logger}=false\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gc_log_follows_the_java() {
        assert_eq!(
            gc_log(11, Path::new("/l/g.log")),
            ["-Xlog:gc*:file=/l/g.log:time,tags:filecount=10,filesize=102400"]
        );
        assert!(gc_log(8, Path::new("/l/g.log")).contains(&"-Xloggc:/l/g.log".to_owned()));
    }

    #[test]
    fn log4j_sends_the_controller_to_its_own_file_alone() {
        let text = log4j();
        assert!(
            text.contains(
                "log4j.logger.kafka.controller=TRACE, controllerAppender\nlog4j.additivity.kafka.controller=false\n"
            ),
            "{text}"
        );
        assert!(text.contains("log4j.appender.kafkaAppender.File=${kafka.logs.dir}/server.log\n"), "{text}");
    }
}
