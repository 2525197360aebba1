//! Troubles of Java itself: its memory, its options, its classes. Pure.
//!
//! The texts are those of OpenJDK 8, 11 and 17 (`hotspot/share`, `java.base`, the launcher). Absent on purpose: what a
//! crash leaves in its report (`hs_err`), and the kernel's OOM killer, which leaves no word.

use crate::model::Cure::{Operator, Restart};

use super::signatures::{Row, row};

pub(super) static ROWS: &[Row] = &[
    row(
        "heap-exhausted",
        80,
        Restart,
        &[&["java.lang.OutOfMemoryError: Java heap space"]],
        "the Java heap is full",
        "raise heap = in the section of this service, and look at the heap dump if it comes back",
    )
    .at_any_level(),
    row(
        "gc-overhead",
        80,
        Restart,
        &[&["java.lang.OutOfMemoryError: GC overhead limit exceeded"]],
        "the JVM did little but collect garbage, because its heap is nearly full",
        "raise heap = in the section of this service, and look at the heap dump if it comes back",
    )
    .at_any_level(),
    row(
        "metaspace",
        80,
        Restart,
        &[&["java.lang.OutOfMemoryError: Metaspace"], &["java.lang.OutOfMemoryError: Compressed class space"]],
        "the room for classes is full",
        "raise or remove -XX:MaxMetaspaceSize in jvm_options of this service",
    )
    .at_any_level(),
    row(
        "direct-memory",
        80,
        Restart,
        &[
            &["java.lang.OutOfMemoryError: Direct buffer memory"],
            &["java.lang.OutOfMemoryError: Cannot reserve ", " bytes of direct buffer memory"],
        ],
        "the memory for network buffers outside the heap is used up",
        "raise -XX:MaxDirectMemorySize in jvm_options of this service, or lower the number of clients",
    )
    .at_any_level(),
    row(
        "native-thread",
        82,
        Restart,
        &[
            &["java.lang.OutOfMemoryError: unable to create native thread"],
            &["java.lang.OutOfMemoryError: unable to create new native thread"],
        ],
        "the kernel refused another thread",
        "raise TasksMax= and LimitNPROC= of the unit, or kernel.pid_max; see also whether memory is short",
    )
    .at_any_level(),
    row(
        "map-failed",
        82,
        Restart,
        &[&["java.lang.OutOfMemoryError: Map failed"], &["java.io.IOException: Map failed"]],
        "the kernel refused to map another file",
        "raise vm.max_map_count (262144 or more): each log segment needs two maps",
    )
    .at_any_level(),
    row(
        "memory-refused",
        83,
        Restart,
        &[
            &["There is insufficient memory for the Java Runtime Environment to continue"],
            &["os::commit_memory(", ") failed; error="],
        ],
        "the kernel refused the JVM memory",
        "free memory on the node, or lower heap = of either service",
    ),
    row(
        "heap-not-reserved",
        90,
        Operator,
        &[
            &["Could not reserve enough space for ", "object heap"],
            &["Could not allocate metaspace: "],
            &["Unable to allocate ", " bitmaps for parallel garbage collection"],
        ],
        "the JVM could not reserve the memory that its options ask for",
        "lower heap = of this service, or raise the memory limit of the unit",
    )
    .fatal(),
    row(
        "java-option",
        88,
        Operator,
        &[
            &["Unrecognized VM option "],
            &["Unrecognized option: "],
            &["Invalid maximum heap size: "],
            &["Invalid initial heap size: "],
            &["Initial heap size set to a larger value than the maximum heap size"],
            &["Multiple garbage collectors selected"],
            &["Conflicting collector combinations in option list"],
            &["Invalid -Xlog option "],
            &["The Java thread stack size specified is too small"],
            &["Error: Could not create the Java Virtual Machine."],
        ],
        "Java refused one of its options",
        "take the option that the lines above name out of jvm_options of this service",
    )
    .fatal(),
    row(
        "java-agent",
        90,
        Operator,
        &[&["agent library failed to init: "], &["Error opening zip file or JAR manifest missing : "]],
        "a Java agent of jvm_options could not be loaded",
        "mend the path of -javaagent or -agentpath in jvm_options of this service",
    )
    .fatal(),
    row(
        "jmx-port-in-use",
        90,
        Operator,
        &[&["Error: Exception thrown by the agent : ", "Port already in use: "]],
        "the port for JMX is held by another process",
        "give each service its own port in -Dcom.sun.management.jmxremote.port, or take that option out of jvm_options",
    )
    .fatal(),
    row(
        "java-too-old",
        95,
        Operator,
        &[&["java.lang.UnsupportedClassVersionError: "]],
        "this Java is older than the classes it was given",
        "set home in [java] to a newer Java, or take jars made for a newer one out of the class path",
    )
    .fatal(),
    row(
        "main-class",
        90,
        Operator,
        &[&["Error: Could not find or load main class "], &["Error: Unable to initialize main class "]],
        "the service's own classes are not there, or not whole",
        "make home in [kafka] point to a whole Kafka, whose libs the service's user can read",
    )
    .fatal(),
    row(
        "class-missing",
        70,
        Operator,
        &[&["Exception in thread \"main\" java.lang.NoClassDefFoundError: "]],
        "a class that the service needs to start is not there",
        "compare the libs of [kafka] home with those of the release, and see whether LimitNOFILE= of the unit is very low",
    )
    .fatal(),
    row(
        "jvm-crashed",
        84,
        Restart,
        &[&["# A fatal error has been detected by the Java Runtime Environment:"]],
        "the JVM crashed",
        "read the report that the lines name (hs_err_pidN.log), update Java and test the memory",
    )
    .fatal(),
    row(
        "stack-overflow",
        75,
        Restart,
        &[&["java.lang.StackOverflowError"]],
        "a thread used up its stack",
        "raise -Xss in jvm_options of this service, and report the stack trace above",
    ),
];
