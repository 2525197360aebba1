#!/bin/bash
# Records tests/recorded/{stock,framed}/* from real JVMs: record.sh KAFKA_HOME JAVA_HOME [WHERE]
# KAFKA_HOME has libs/ of Kafka 2.6.0 with ZooKeeper 3.5.8, JAVA_HOME is a Java 11. Needs nothing but these, bash, awk and sed.
# Everything listens on 127.0.71.1; everything started is ended by its pid. Afterwards: UPDATE=1 cargo test --test recorded
set -euo pipefail
kafka=$1 java=$2/bin/java
here=$(cd "$(dirname "$0")" && pwd)
where=${3:-$here}
work=/tmp/recorded # Stands in the records.
address=127.0.71.1
export LC_ALL=C TZ=UTC
ulimit -c 0
trap 'for pid in $(jobs -p); do kill -KILL "$pid" 2>/dev/null || true; done' EXIT

# NAME FLAGS.. CLASS FILE: starts a JVM whose outputs are $raw/NAME.out and .err; its pid is $pid.
jvm() {
    local name=$1
    shift
    (cd "$work" && exec "$java" -Dlog4j.configuration="file:$work/$layout.properties" -XX:ErrorFile=$work/hs_err.log \
        -cp "$kafka/libs/*" "$@") >"$raw/$name.out" 2>"$raw/$name.err" </dev/null &
    pid=$!
}

zookeeper() { # NAME FILE FLAGS..
    jvm "$1" -Xmx128m "${@:3}" org.apache.zookeeper.server.quorum.QuorumPeerMain "$work/$2"
}

broker() { # NAME ID FLAGS..
    sed "s/@ID@/$2/" >"$work/kafka-$2.properties" <<EOF
broker.id=@ID@
listeners=PLAINTEXT://$address:909@ID@
log.dirs=$work/kafka-@ID@
zookeeper.connect=$address:2181
zookeeper.session.timeout.ms=120000
num.network.threads=1
num.io.threads=2
background.threads=1
offsets.topic.replication.factor=1
EOF
    jvm "$1" -Xmx256m "${@:3}" kafka.Kafka "$work/kafka-$2.properties"
}

await() { # NAME WORDS
    for _ in $(seq 600); do
        grep -q -- "$2" "$raw/$1.out" && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.2
    done
    grep -q -- "$2" "$raw/$1.out" && return
    echo "$layout/$1: no '$2'" >&2
    tail -n 5 "$raw/$1.out" >&2
    exit 1
}

ended() { # of $pid
    local status=0
    wait "$pid" || status=$?
    echo "$layout: $1 ended with $status"
}

record() {
    raw=$work/raw/$layout
    rm -rf "$work"/zookeeper* "$work"/kafka* "$work"/*.hprof "$raw"
    mkdir -p "$raw" "$work/kafka-2"
    local pattern='[%d] %p %m (%c)%n' class=org.apache.log4j.PatternLayout
    if [ "$layout" = framed ]; then
        pattern='\u001e%p\u001f%d\u001f%c\u001f%t\u001f%m\u001f%throwable\u001e%n' class=org.apache.log4j.EnhancedPatternLayout
    fi
    cat >"$work/$layout.properties" <<EOF
log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.encoding=UTF-8
log4j.appender.stdout.layout=$class
log4j.appender.stdout.layout.ConversionPattern=$pattern
EOF
    printf '%s\n' dataDir=$work/zookeeper clientPort=2181 clientPortAddress=$address admin.enableServer=false maxSessionTimeout=120000 \
        >"$work/zookeeper.properties"
    sed "s/zookeeper$/zookeeper-2/" "$work/zookeeper.properties" >"$work/zookeeper-2.properties"
    # A foreign cluster's directory.
    printf '%s\n' version=0 broker.id=2 cluster.id=AAAAAAAAAAAAAAAAAAAAAA >"$work/kafka-2/meta.properties"

    # A whole life: start, thread dump, clean stop.
    zookeeper zookeeper-run zookeeper.properties
    local quorum=$pid
    await zookeeper-run 'binding to port'
    # Its port is taken: a trace, and an exit code.
    zookeeper zookeeper-address-in-use zookeeper-2.properties
    ended zookeeper-address-in-use
    broker kafka-run 1
    await kafka-run 'KafkaServer id=[0-9]*] started'
    kill -QUIT "$pid"
    await kafka-run 'JNI global ref'
    await kafka-run 'class space'
    kill -TERM "$pid"
    ended kafka-run
    # Killed; with a flag that the JVM warns of, and its GC log among the records.
    broker kafka-killed 1 -XX:+UseConcMarkSweepGC -Xlog:gc
    await kafka-killed 'KafkaServer id=[0-9]*] started'
    kill -KILL "$pid"
    ended kafka-killed
    # Started again while its dead session still owns its id.
    broker kafka-node-exists 1
    ended kafka-node-exists
    broker kafka-cluster-id 2
    ended kafka-cluster-id
    # A crash of the JVM itself.
    broker kafka-fatal 3
    await kafka-fatal 'KafkaServer id=[0-9]*] started'
    kill -SEGV "$pid"
    ended kafka-fatal
    # A heap that is too small for a broker, and flags that are refused.
    broker kafka-memory 4 -Xmx24m -XX:+HeapDumpOnOutOfMemoryError -XX:+ExitOnOutOfMemoryError
    ended kafka-memory
    broker jvm-refused 5 -Xms2g
    ended jvm-refused
    pid=$quorum
    kill -QUIT "$pid"
    await zookeeper-run 'JNI global ref'
    await zookeeper-run 'class space'
    kill -TERM "$pid"
    ended zookeeper-run
}

# What says where and on what it ran becomes neutral; long listings keep their beginning.
neutral() {
    sed -E -e 's/(environment:host\.name=)[^ \x1f]*/\1node1/' -e 's/(environment:java\.class\.path=)[^ \x1f]*/\1\/opt\/kafka\/libs\/*/' \
        -e 's/(environment:java\.home=)[^ \x1f]*/\1\/usr\/lib\/jvm\/java-11/' -e 's/(environment:user\.name=)[^ \x1f]*/\1kafka/' \
        -e 's/(environment:user\.home=)[^ \x1f]*/\1\/home\/kafka/' -e 's/(environment:os\.version=)[^ \x1f]*/\13.10.0/' |
        awk '
            /^\[20/ || /^\036[A-Z]/ { listed = 0; dump = 0 }
            # The values of a configuration: four of them.
            /^\t[a-z0-9.]+ = / && ++listed > 4 { next }
            # Threads of a dump: the first six with their stacks, and six of those that have none.
            /^Full thread dump/ { dump = 1; stacks = bare = 0; keep = 1 }
            dump && /^0x[0-9a-f]+, / && ++addresses > 2 { next }
            dump && /^"/ { keep = (/ os_prio=[0-9]+ cpu=.* runnable *$/ && !/#/) ? ++bare <= 6 : ++stacks <= 6 }
            dump && /^(JNI|Heap)/ { keep = 1; dump = 0 }
            keep == 0 && dump { next }
            { print }
        '
}

# FIRST LAST: the first and the last so many records (lines with a head) with what belongs to them, and the JVM's own dumps with their neighbours.
ends() {
    awk -v first="$1" -v last="$2" '
        /^\[20/ || /^\036[A-Z]/ { heads++; dump = 0 }
        /^20[0-9-]+ [0-9:]+$/ || /^(JNI|Heap)/ { dump = 1 }
        { line[NR] = $0; of[NR] = heads + 0; own[NR] = dump }
        END { for (n = 1; n <= NR; n++) if (own[n - 1] || own[n] || own[n + 1] || of[n] <= first || of[n] > heads - last) print line[n] }
    '
}

for layout in stock framed; do
    # With what was recorded before (KEEP=1 leaves it there), only the cutting is done again.
    raw=$work/raw/$layout
    [ -e "$raw/done" ] || record
    : >"$raw/done"
    mkdir -p "$where/$layout"
    rm -f "$where/$layout"/*.out "$where/$layout"/*.err
    for file in "$raw"/*; do
        name=$(basename "$file")
        [ -s "$file" ] || continue
        case $name in
        *.err | zookeeper-run.out) neutral <"$file" >"$where/$layout/$name" ;;
        kafka-run.out) neutral <"$file" | ends 45 45 >"$where/$layout/$name" ;;
        kafka-node-exists.out) neutral <"$file" | ends 2 60 >"$where/$layout/$name" ;;
        kafka-killed.out) neutral <"$file" | ends 8 12 >"$where/$layout/$name" ;;
        *) neutral <"$file" | ends 2 20 >"$where/$layout/$name" ;;
        esac
    done
done
[ "${KEEP:-0}" = 1 ] || rm -rf "$work"
du -bc "$where"/stock/* "$where"/framed/* | tail -1
