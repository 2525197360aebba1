//! Kafka's own tools, as users have them: a topic is made, leaders are moved back, records are read, each by a JVM of its own.
//! Absent on purpose: the producer (`producer`), which runs throughout.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::bench::faults::{PARTITIONS, TOPIC};
use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::fetch::java::Java;

/// Another network than this machine's.
#[derive(Debug)]
struct Outside {
    namespace: String,
    hosts: PathBuf,
}

/// How to run them.
#[derive(Debug)]
pub struct Tools {
    java: PathBuf,
    classes: String,
    log4j: PathBuf,
    log: PathBuf,
    outside: Option<Outside>,
    /// All brokers, as a tool wants them named.
    pub bootstrap: String,
}

impl Tools {
    /// `home`: Kafka's; `tools`: the directory of the test tools; `dir`: where their logs and settings go.
    pub fn new(java: &Java, home: &Path, tools: &Path, dir: &Path, brokers: &[Ipv4Addr]) -> Outcome<Self> {
        let log4j = dir.join("tools-log4j.properties");
        let text = "log4j.rootLogger=WARN, stderr\nlog4j.appender.stderr=org.apache.log4j.ConsoleAppender\n\
                    log4j.appender.stderr.Target=System.err\nlog4j.appender.stderr.layout=org.apache.log4j.PatternLayout\n\
                    log4j.appender.stderr.layout.ConversionPattern=[%d] %p %m (%c)%n\n";
        fs::write(&log4j, text).during(|| format!("write {}", log4j.display()))?;
        let jars = |home: &Path| home.join("libs").join("*").display().to_string();
        let brokers: Vec<String> = brokers.iter().map(|address| format!("{address}:9092")).collect();
        Ok(Self {
            java: java.home.join("bin/java"),
            classes: format!("{}:{}", jars(tools), jars(home)),
            log4j,
            log: dir.join("tools.log"),
            outside: None,
            bootstrap: brokers.join(","),
        })
    }

    /// The same in a network namespace, where the names of this file, as /etc/hosts has them, are the only ones; brokers by name.
    pub fn at(self, namespace: &str, hosts: &Path, bootstrap: String) -> Self {
        let outside = Some(Outside { namespace: namespace.to_owned(), hosts: hosts.to_owned() });
        Self { outside, bootstrap, ..self }
    }

    /// A JVM with this main class. C1 alone: most of what these tools do is to start.
    pub fn command(&self, main: &str) -> Command {
        let mut command = match &self.outside {
            // It becomes the program that it runs, so the child's pid is the JVM's.
            Some(outside) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", &outside.namespace]).arg(&self.java);
                command.arg(format!("-Djdk.net.hosts.file={}", outside.hosts.display()));
                command
            }
            None => Command::new(&self.java),
        };
        command.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        command.arg(format!("-Dlog4j.configuration=file:{}", self.log4j.display()));
        command.arg("-cp").arg(&self.classes).arg(main);
        command
    }

    fn admin(&self, main: &str, args: &[&str]) -> Outcome<()> {
        let mut command = self.command(main);
        command.args(["--bootstrap-server", &self.bootstrap]).args(args);
        child::logged(&mut command, &self.log)
    }

    /// Makes a topic of `PARTITIONS` partitions on all brokers: each leads as many as the next. `more` is its configuration.
    pub fn create_topic(&self, topic: &str, more: &[&str]) -> Outcome<()> {
        let assignment: Vec<&str> = ["1:2:3", "2:3:1", "3:1:2"].into_iter().cycle().take(PARTITIONS).collect();
        let assignment = assignment.join(",");
        let mut args = vec!["--create", "--topic", topic, "--replica-assignment", &assignment];
        for setting in more {
            args.extend(["--config", setting]);
        }
        self.admin("kafka.admin.TopicCommand", &args).during(|| format!("create the topic {topic}"))
    }

    /// Marks a topic for deletion.
    pub fn delete_topic(&self, topic: &str) -> Outcome<()> {
        self.admin("kafka.admin.TopicCommand", &["--delete", "--topic", topic])
    }

    /// Gives each partition back to its first replica. Where all are with theirs already, that is well.
    pub fn elect_preferred(&self) -> Outcome<()> {
        let args = ["--election-type", "preferred", "--all-topic-partitions"];
        self.admin("kafka.admin.LeaderElectionCommand", &args).during(|| "move leaders back".into())
    }

    /// Reads the topic from its beginning until nothing came for ten seconds; every value, as a consumer gets it.
    pub fn read_back(&self, file: &Path) -> Outcome<Vec<u64>> {
        let out = File::create(file).during(|| format!("create {}", file.display()))?;
        let err = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .during(|| format!("open {}", self.log.display()))?;
        let mut command = self.command("kafka.tools.ConsoleConsumer");
        command.args(["--bootstrap-server", &self.bootstrap, "--topic", TOPIC]);
        command.args(["--from-beginning", "--timeout-ms", "10000"]);
        let mut consumer = child::spawn(command.stdin(Stdio::null()).stdout(out).stderr(err))?;
        // It ends with an error for the timeout, which is how this one is meant to end.
        child::wait(&mut consumer)?;
        let text = fs::read_to_string(file).during(|| format!("read {}", file.display()))?;
        let odd = || Failure::new(format!("the consumer printed something else; see {}", file.display()));
        text.lines().map(|line| line.parse().map_err(|_| odd())).collect()
    }
}
