//! The probers against small servers that lie: half frames, garbage, silence, huge lengths, foreign ids, resets.
//!
//! Each test names the lie. Every probe must end within its limit and call the lie by its name; no test waits for a time, only for
//! an outcome. Parsers are tested where they stand; real servers in a later suite.

use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use kafka_node::cluster::kafka::{BrokerClient, KafkaErrorKind};
use kafka_node::cluster::zookeeper::{Registrations, ZooKeeperSession};
use kafka_node::model::{BrokerId, BrokerOutcome, InSyncOutcome, QuorumRole, RegistrationOutcome, ZooKeeperOutcome};
use kafka_node::observe::broker::BrokerProber;
use kafka_node::observe::srvr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const LEADER: &[u8] = include_bytes!("probes/srvr-leader-3.5.8.txt");
const VERSIONS: &[u8] = include_bytes!("probes/api-versions-2.6.0.bin");
const LIVENESS: &[u8] = include_bytes!("probes/metadata-liveness-2.6.0.bin");
const ALL: &[u8] = include_bytes!("probes/metadata-all-2.6.0.bin");

/// For a probe that must be answered: generous, since the machine may be busy.
const AMPLE: Duration = Duration::from_secs(20);
/// For a probe that must run into its limit.
const SHORT: Duration = Duration::from_millis(200);
/// The recorded replies are of a cluster with the brokers 1, 2 and 3, whose controller is 2.
const BROKER: BrokerId = BrokerId(1);

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A server on a port of its own that does `serve` to each connection, told how many there were before.
async fn server<F>(serve: impl Fn(TcpStream, usize) -> F + 'static) -> String
where
    F: Future<Output = ()> + 'static,
{
    let listener = TcpListener::bind("127.0.32.10:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async move {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            tokio::task::spawn_local(serve(stream, number));
        }
    };
    tokio::task::spawn_local(serve);
    address.to_string()
}

/// Runs a test with a place for servers that need not be sendable to another thread.
fn with_servers<T>(future: impl Future<Output = T>) -> T {
    run(tokio::task::LocalSet::new().run_until(future))
}

async fn silence(stream: TcpStream) {
    std::future::pending::<()>().await;
    drop(stream);
}

/// Closes with a RST in place of a FIN.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
}

/// An address where nothing listens.
async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.32.10:0").await.unwrap().local_addr().unwrap()
}

mod zookeeper {
    use super::*;

    /// What a server that does `serve` is taken for.
    fn outcome<F>(limit: Duration, serve: impl Fn(TcpStream, usize) -> F + 'static) -> ZooKeeperOutcome
    where
        F: Future<Output = ()> + 'static,
    {
        with_servers(async {
            let address = server(serve).await;
            srvr::probe(&address, limit).await
        })
    }

    async fn word(stream: &mut TcpStream) {
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.unwrap();
        assert_eq!(&word, b"srvr", "four letters and no newline");
    }

    #[test]
    fn an_honest_server_in_small_pieces_serves() {
        let seen = outcome(AMPLE, |mut stream, _| async move {
            word(&mut stream).await;
            for piece in LEADER.chunks(7) {
                stream.write_all(piece).await.unwrap();
            }
        });
        assert_eq!(seen, ZooKeeperOutcome::Serving(QuorumRole::Leader));
    }

    #[test]
    fn half_a_reply_and_no_reply_are_no_whole_answer() {
        for cut in [0, 1, 100] {
            let seen = outcome(AMPLE, move |mut stream, _| async move {
                word(&mut stream).await;
                stream.write_all(&LEADER[..cut]).await.unwrap();
            });
            match cut {
                1 => assert!(matches!(seen, ZooKeeperOutcome::Garbled(_)), "{seen:?}"),
                _ => assert_eq!(seen, ZooKeeperOutcome::TimedOut, "cut after {cut} bytes"),
            }
        }
    }

    #[test]
    fn a_server_that_says_everything_and_never_closes_has_not_answered_wholly() {
        let seen = outcome(SHORT, |mut stream, _| async move {
            word(&mut stream).await;
            stream.write_all(LEADER).await.unwrap();
            silence(stream).await;
        });
        assert_eq!(seen, ZooKeeperOutcome::TimedOut);
    }

    #[test]
    fn a_silent_server_times_out_and_a_closed_port_refuses() {
        assert_eq!(outcome(SHORT, |stream, _| silence(stream)), ZooKeeperOutcome::TimedOut);
        let refused = run(async { srvr::probe(&closed_port().await.to_string(), AMPLE).await });
        assert_eq!(refused, ZooKeeperOutcome::Refused);
    }

    #[test]
    fn a_name_without_an_address_is_said_so() {
        // `.invalid` never resolves (RFC 6761).
        let seen = run(srvr::probe("no-such-node.invalid:2181", AMPLE));
        let ZooKeeperOutcome::Garbled(words) = seen else { panic!("{seen:?}") };
        assert!(words.starts_with("the name does not resolve"), "{words}");
    }

    #[test]
    fn a_reset_is_no_answer_and_garbage_without_end_is_cut() {
        let seen = outcome(AMPLE, |mut stream, _| async move {
            word(&mut stream).await;
            reset(stream);
        });
        assert_eq!(seen, ZooKeeperOutcome::TimedOut);
        let seen =
            outcome(AMPLE, |mut stream, _| async move { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} });
        assert_eq!(seen, ZooKeeperOutcome::Garbled("a reply of more than 65536 bytes to srvr".into()));
    }

    #[test]
    fn servers_that_take_no_session_are_named_and_the_limit_holds() {
        with_servers(async {
            let (closing, silent) = (server(|_, _| async {}).await, server(|stream, _| silence(stream)).await);
            let session = ZooKeeperSession::new(closing.clone());
            let seen = session.registration(BROKER, AMPLE).await;
            assert_eq!(seen, RegistrationOutcome::Unreadable(format!("no ZooKeeper of {closing} accepts a session")));
            session.close().await;

            let session = ZooKeeperSession::new(silent.clone());
            let begun = Instant::now();
            let seen = session.registration(BROKER, SHORT).await;
            assert_eq!(
                seen,
                RegistrationOutcome::Unreadable(format!("no ZooKeeper of {silent} has accepted a session yet"))
            );
            assert!(begun.elapsed() < AMPLE, "the limit of {SHORT:?} took {:?}", begun.elapsed());
            session.close().await;
        });
    }
}

mod broker {
    use super::*;

    /// Answers requests one after the other with `replies`, each under the id that was asked with.
    async fn answer(stream: &mut TcpStream, replies: &[&[u8]]) {
        for reply in replies {
            let Some(correlation) = request(stream).await else { return };
            let mut reply = reply.to_vec();
            reply[4..8].copy_from_slice(&correlation);
            stream.write_all(&reply).await.unwrap();
        }
    }

    /// Reads one request and returns its correlation id; `None` when the prober is gone.
    async fn request(stream: &mut TcpStream) -> Option<[u8; 4]> {
        let length = stream.read_u32().await.ok()?;
        let mut content = vec![0; length as usize];
        stream.read_exact(&mut content).await.ok()?;
        content[4..8].try_into().ok()
    }

    /// What a broker that does `serve` is taken for.
    fn outcome<F>(limit: Duration, serve: impl Fn(TcpStream, usize) -> F + 'static) -> BrokerOutcome
    where
        F: Future<Output = ()> + 'static,
    {
        with_servers(async { BrokerProber::new(server(serve).await, BROKER).probe(limit).await })
    }

    /// The words about a broker that answers ApiVersions truly and Metadata with `reply`.
    fn garbled(reply: Vec<u8>) -> String {
        let seen = outcome(AMPLE, move |mut stream, _| {
            let reply = reply.clone();
            async move {
                answer(&mut stream, &[VERSIONS]).await;
                request(&mut stream).await;
                let _ = stream.write_all(&reply).await;
                silence(stream).await;
            }
        });
        let BrokerOutcome::Garbled(words) = seen else { panic!("{seen:?}") };
        words
    }

    const HEALTHY: BrokerOutcome = BrokerOutcome::Answers { lists_itself: true, controller: Some(BrokerId(2)) };

    #[test]
    fn an_honest_broker_answers_on_one_connection_and_counts_its_replicas() {
        with_servers(async {
            let address = server(|mut stream, number| async move {
                assert_eq!(number, 0, "a second connection was made");
                answer(&mut stream, &[VERSIONS, LIVENESS, ALL, LIVENESS]).await;
            })
            .await;
            let mut prober = BrokerProber::new(address, BROKER);
            assert_eq!(prober.probe(AMPLE).await, HEALTHY);
            assert_eq!(prober.in_sync(AMPLE).await, InSyncOutcome::Seen { replicas: 3, behind: 0, leads: 0 });
            assert_eq!(prober.probe(AMPLE).await, HEALTHY);
        });
    }

    #[test]
    fn a_broker_that_does_not_list_itself_answers_and_is_not_known_to_be_in_sync() {
        with_servers(async {
            let address =
                server(|mut stream, _| async move { answer(&mut stream, &[VERSIONS, LIVENESS, ALL]).await }).await;
            let mut prober = BrokerProber::new(address, BrokerId(7));
            let seen = prober.probe(AMPLE).await;
            assert_eq!(seen, BrokerOutcome::Answers { lists_itself: false, controller: Some(BrokerId(2)) });
            let seen = prober.in_sync(AMPLE).await;
            assert_eq!(
                seen,
                InSyncOutcome::Unreadable("the broker has not been told the cluster's metadata yet".into())
            );
        });
    }

    #[test]
    fn a_connection_closed_between_probes_is_made_again_without_a_word() {
        with_servers(async {
            let address = server(|mut stream, _| async move { answer(&mut stream, &[VERSIONS, LIVENESS]).await }).await;
            let mut prober = BrokerProber::new(address, BROKER);
            for round in 0..3 {
                assert_eq!(prober.probe(AMPLE).await, HEALTHY, "round {round}");
            }
        });
    }

    #[test]
    fn a_connection_that_goes_silent_reports_no_health_and_is_not_used_again() {
        with_servers(async {
            let address = server(|mut stream, _| async move {
                answer(&mut stream, &[VERSIONS, LIVENESS]).await;
                silence(stream).await;
            })
            .await;
            let mut prober = BrokerProber::new(address, BROKER);
            assert_eq!(prober.probe(AMPLE).await, HEALTHY);
            assert_eq!(
                prober.probe(SHORT).await,
                BrokerOutcome::Silent { accepts: false },
                "the old connection is half open"
            );
            assert_eq!(prober.probe(AMPLE).await, HEALTHY, "a new connection is answered");
        });
    }

    #[test]
    fn a_closed_port_refuses_and_silence_times_out() {
        let refused = run(async { BrokerProber::new(closed_port().await.to_string(), BROKER).probe(AMPLE).await });
        assert_eq!(refused, BrokerOutcome::Refused);
        assert_eq!(outcome(SHORT, |stream, _| silence(stream)), BrokerOutcome::Silent { accepts: true });
        let half = outcome(SHORT, |mut stream, _| async move {
            answer(&mut stream, &[VERSIONS]).await;
            let correlation = request(&mut stream).await.unwrap();
            stream.write_all(&LIVENESS[..4]).await.unwrap();
            stream.write_all(&correlation).await.unwrap();
            stream.write_all(&LIVENESS[8..20]).await.unwrap();
            silence(stream).await;
        });
        assert_eq!(half, BrokerOutcome::Silent { accepts: true }, "half a frame is no answer");
    }

    #[test]
    fn a_broker_that_closes_resets_or_talks_nonsense_is_garbled() {
        let words = |serve: fn(TcpStream) -> std::pin::Pin<Box<dyn Future<Output = ()>>>| match outcome(
            AMPLE,
            move |stream, _| serve(stream),
        ) {
            BrokerOutcome::Garbled(words) => words,
            other => panic!("{other:?}"),
        };
        let closes = words(|stream| Box::pin(async move { drop(stream) }));
        assert_eq!(closes, "the broker closed the connection without an answer");
        let resets = words(|mut stream| {
            Box::pin(async move {
                request(&mut stream).await;
                reset(stream);
            })
        });
        assert_eq!(resets, "the broker closed the connection without an answer");
        let http = words(|mut stream| {
            Box::pin(async move {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
                silence(stream).await;
            })
        });
        assert_eq!(http, "a reply of 1213486160 bytes, where 1048576 are read at most");
    }

    #[test]
    fn lies_inside_a_frame_are_named() {
        let change = |at: usize, bytes: [u8; 4]| {
            let mut reply = LIVENESS.to_vec();
            // The second request on a connection has the id 2.
            reply[4..8].copy_from_slice(&2_i32.to_be_bytes());
            reply[at..at + 4].copy_from_slice(&bytes);
            garbled(reply)
        };
        assert_eq!(change(4, 9_i32.to_be_bytes()), "a reply to request 9, where 2 was asked");
        assert_eq!(change(0, (-1_i32).to_be_bytes()), "a frame of -1 bytes");
        assert_eq!(change(0, i32::MAX.to_be_bytes()), "a reply of 2147483647 bytes, where 1048576 are read at most");
        assert_eq!(change(8, (-5_i32).to_be_bytes()), "-5 as the length of the list of brokers");
        let huge = change(8, i32::MAX.to_be_bytes());
        assert!(huge.starts_with("a frame that ends in"), "{huge}");
        let mut twice = LIVENESS.to_vec();
        twice[4..8].copy_from_slice(&2_i32.to_be_bytes());
        twice.extend_from_slice(LIVENESS);
        assert_eq!(garbled(twice), "86 bytes that nobody asked for");
    }

    #[test]
    fn a_metadata_reply_over_the_cap_is_unreadable_in_words() {
        with_servers(async {
            let address = server(|mut stream, _| async move {
                answer(&mut stream, &[VERSIONS]).await;
                request(&mut stream).await;
                stream.write_all(&(40_u32 << 20).to_be_bytes()).await.unwrap();
                silence(stream).await;
            })
            .await;
            let seen = BrokerProber::new(address, BROKER).in_sync(AMPLE).await;
            assert_eq!(
                seen,
                InSyncOutcome::Unreadable("a reply of 41943040 bytes, where 33554432 are read at most".into())
            );
        });
    }

    #[test]
    fn the_rich_client_calls_the_same_lies_by_name() {
        let kind = |limit, reply: Option<Vec<u8>>| {
            with_servers(async {
                let address = server(move |mut stream, _| {
                    let reply = reply.clone();
                    async move {
                        answer(&mut stream, &[VERSIONS]).await;
                        request(&mut stream).await;
                        if let Some(reply) = reply {
                            stream.write_all(&reply).await.unwrap();
                            return;
                        }
                        silence(stream).await;
                    }
                })
                .await;
                BrokerClient::new(address).metadata(None, limit).await.unwrap_err().kind
            })
        };
        assert_eq!(kind(SHORT, None), KafkaErrorKind::TimedOut(SHORT));
        let foreign = KafkaErrorKind::Garbled("an answer to request 7, where 2 was asked".into());
        assert_eq!(kind(AMPLE, Some(LIVENESS.to_vec())), foreign);
        let huge = KafkaErrorKind::Garbled("2147483647 bytes, where 16777216 are read at most".into());
        assert_eq!(kind(AMPLE, Some(i32::MAX.to_be_bytes().to_vec())), huge);
        assert_eq!(kind(AMPLE, Some(LIVENESS[..30].to_vec())), KafkaErrorKind::Broken("closed in mid-answer".into()));
    }
}
