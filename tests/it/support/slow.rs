//! A way between two programs that can be made slow.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Passes bytes on both ways, each after a while: a network or a machine that has become slow.
pub(crate) struct SlowWay {
    pub(crate) address: SocketAddr,
    milliseconds: Arc<AtomicU64>,
}

impl SlowWay {
    /// A way to this port of this machine, not slow yet.
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, milliseconds) = (listener.local_addr().unwrap(), Arc::<AtomicU64>::default());
        let shared = Arc::clone(&milliseconds);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                pass(&shared, near.try_clone().unwrap(), far.try_clone().unwrap());
                pass(&shared, far, near);
            }
        });
        Self { address, milliseconds }
    }

    /// From here on every piece takes this much longer, each way.
    pub(crate) fn delay(&self, milliseconds: u64) {
        self.milliseconds.store(milliseconds, Ordering::Relaxed);
    }
}

fn pass(delay: &Arc<AtomicU64>, mut from: TcpStream, mut to: TcpStream) {
    let delay = Arc::clone(delay);
    thread::spawn(move || {
        let mut bytes = [0; 65536];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            thread::sleep(Duration::from_millis(delay.load(Ordering::Relaxed)));
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
