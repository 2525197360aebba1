//! A proxy to ZooKeeper that knows where a request begins and can hold one back, or break all connections.

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::ensemble::LIMIT;

/// Op codes as ZooKeeper's `ZooDefs.OpCode` numbers them.
pub const SET_DATA: i32 = 5;
pub const MULTI: i32 = 14;

/// Listens on an address of its own. Its tasks end with the test's runtime.
pub struct Proxy {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    hold: Mutex<Option<Hold>>,
    /// Op codes of what was passed on to the server, connects left out.
    passed: Mutex<Vec<i32>>,
    /// Whether connections live; a new one ends at once where not.
    open: watch::Sender<bool>,
    /// Connections made so far, refused ones apart; and those made that the client has ended.
    accepted: watch::Sender<usize>,
    refused: watch::Sender<usize>,
    ended: watch::Sender<usize>,
    /// Answers of the server so far.
    answered: watch::Sender<usize>,
}

struct Hold {
    op: i32,
    arrived: oneshot::Sender<()>,
    pass: oneshot::Receiver<()>,
}

/// A request that is held back, or will be.
pub struct Held {
    arrived: Option<oneshot::Receiver<()>>,
    pass: oneshot::Sender<()>,
}

impl Held {
    /// Waits until the request is there.
    pub async fn arrived(&mut self) {
        let arrived = self.arrived.take().expect("asked once");
        timeout(LIMIT, arrived).await.expect("the request arrives in time").expect("the request arrives");
    }

    /// Passes it on to the server.
    pub fn pass(self) {
        self.pass.send(()).expect("the request is held");
    }
}

impl Proxy {
    /// In front of `server`, on the runtime of the caller.
    pub async fn new(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.50.2:0").await.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            hold: Mutex::default(),
            passed: Mutex::default(),
            open: watch::Sender::new(true),
            accepted: watch::Sender::new(0),
            refused: watch::Sender::new(0),
            ended: watch::Sender::new(0),
            answered: watch::Sender::new(0),
        });
        let proxy = Proxy { address, shared: Arc::clone(&shared) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *shared.open.borrow() {
                    shared.accepted.send_modify(|count| *count += 1);
                    tokio::spawn(Arc::clone(&shared).serve(client, server));
                } else {
                    shared.refused.send_modify(|count| *count += 1);
                }
            }
        });
        proxy
    }

    /// Holds back the next request of this op code.
    pub fn hold(&self, op: i32) -> Held {
        let ((arrive, arrived), (pass, passed)) = (oneshot::channel(), oneshot::channel());
        *self.shared.hold.lock().expect("the hold") = Some(Hold { op, arrived: arrive, pass: passed });
        Held { arrived: Some(arrived), pass }
    }

    /// Ends all connections and refuses new ones; or lets them be made again.
    pub fn set_open(&self, open: bool) {
        self.shared.open.send_replace(open);
    }

    /// How many connections were made and not refused.
    pub fn accepted(&self) -> usize {
        *self.shared.accepted.borrow()
    }

    /// How many connections were refused.
    pub fn refused(&self) -> usize {
        *self.shared.refused.borrow()
    }

    /// How many connections the client has ended.
    pub fn ended(&self) -> usize {
        *self.shared.ended.borrow()
    }

    /// How many answers the server has given.
    pub fn answered(&self) -> usize {
        *self.shared.answered.borrow()
    }

    /// How many requests of this op code went on to the server.
    pub fn passed(&self, op: i32) -> usize {
        self.shared.passed.lock().expect("the list").iter().filter(|passed| **passed == op).count()
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, client: TcpStream, server: SocketAddr) {
        let Ok(server) = TcpStream::connect(server).await else { return };
        let (from_client, to_client) = client.into_split();
        let (from_server, mut to_server) = server.into_split();
        let mut open = self.open.subscribe();
        tokio::select! {
            // The client's end is no reason to end the other side: what was held may be passed on later, and be answered.
            _ = async {
                let _ = self.requests(from_client, &mut to_server).await;
                std::future::pending::<()>().await
            } => {}
            _ = self.answers(from_server, to_client) => {}
            _ = open.wait_for(|open| !open) => {}
        }
    }

    /// Ends with the server's end.
    async fn answers(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> Result<()> {
        loop {
            let frame = read_frame(&mut from).await?;
            self.answered.send_modify(|count| *count += 1);
            // That the client is gone does not matter.
            let _ = pass_frame(&frame, &mut to).await;
        }
    }

    async fn requests(&self, mut from: OwnedReadHalf, to: &mut OwnedWriteHalf) -> Result<()> {
        pass_frame(&read_frame(&mut from).await?, to).await?;
        loop {
            let frame = match read_frame(&mut from).await {
                Ok(frame) => frame,
                Err(error) => {
                    self.ended.send_modify(|count| *count += 1);
                    return Err(error);
                }
            };
            // A frame is the xid, the op code, and the body.
            let op = frame.get(4..8).and_then(|op| op.try_into().ok()).map_or(0, i32::from_be_bytes);
            let hold = self.hold.lock().expect("the hold").take_if(|hold| hold.op == op);
            if let Some(hold) = hold {
                let _ = hold.arrived.send(());
                self.until_passed(hold.pass, &from).await?;
            }
            pass_frame(&frame, to).await?;
            self.passed.lock().expect("the list").push(op);
        }
    }

    /// Waits for the word to pass a request on, and counts the client's end meanwhile.
    async fn until_passed(&self, pass: oneshot::Receiver<()>, from: &OwnedReadHalf) -> Result<()> {
        let mut pass = std::pin::pin!(pass);
        let mut byte = [0; 1];
        tokio::select! {
            passed = &mut pass => return passed.map_err(Error::other),
            // A ping is no end: then there is only the word to wait for.
            read = from.as_ref().peek(&mut byte) => if matches!(read, Ok(0) | Err(_)) {
                self.ended.send_modify(|count| *count += 1);
            },
        }
        pass.await.map_err(Error::other)
    }
}

async fn read_frame(from: &mut OwnedReadHalf) -> Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut frame = vec![0; length as usize];
    from.read_exact(&mut frame).await?;
    Ok(frame)
}

async fn pass_frame(frame: &[u8], to: &mut OwnedWriteHalf) -> Result<()> {
    to.write_u32(u32::try_from(frame.len()).map_err(Error::other)?).await?;
    to.write_all(frame).await
}
