//! What is asked on the port of checks and is no check: health and reflection.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use hyper::body::{Body as _, Bytes, Frame};
use hyper::header::HeaderMap;
use hyper::{Request, Response};
use tokio::time::timeout;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service as _;
use tonic::service::Routes;

/// A request that takes this long to arrive never will.
const REQUEST: Duration = Duration::from_secs(10);

/// Answers one request to its end.
pub(super) async fn serve(
    mut services: Routes,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let answer = services.call(request.map(|stream| Body::new(Inbound(stream))));
    let late =
        |_| Ok::<_, Infallible>(Status::deadline_exceeded("the request did not arrive in time").into_http());
    let Ok(answer) = timeout(REQUEST, answer).await.unwrap_or_else(late);
    let (head, mut body) = answer.into_parts();
    let over = body.is_end_stream();
    let Ok(mut stream) = respond.send_response(Response::from_parts(head, ()), over) else { return };
    // Ends too when the other side has gone, or does not want the rest.
    let mut body = Pin::new(&mut body);
    while let Some(frame) = next(&mut body, &mut stream).await {
        let sent = match frame.into_data() {
            Ok(data) => send(&mut stream, data).await,
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => return drop(stream.send_trailers(trailers)),
                Err(_) => return,
            },
        };
        if sent.is_none() {
            return;
        }
    }
    let _ = stream.send_trailers(HeaderMap::new());
}

/// The next frame of an answer; none when it is over or nobody listens.
async fn next(body: &mut Pin<&mut Body>, stream: &mut SendStream<Bytes>) -> Option<Frame<Bytes>> {
    std::future::poll_fn(|cx| {
        if stream.poll_reset(cx).is_ready() {
            return Poll::Ready(None);
        }
        let frame = ready!(body.as_mut().poll_frame(cx));
        Poll::Ready(frame.and_then(Result::ok))
    })
    .await
}

/// Sends data as fast as the other side takes it; none if it does not.
async fn send(stream: &mut SendStream<Bytes>, mut data: Bytes) -> Option<()> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await?.ok()?;
        stream.send_data(data.split_to(room.min(data.len())), false).ok()?;
    }
    Some(())
}

/// A request's body, as the gRPC library reads it.
struct Inbound(RecvStream);

impl hyper::body::Body for Inbound {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let stream = &mut self.get_mut().0;
        Poll::Ready(match ready!(stream.poll_data(cx)) {
            Some(Ok(data)) => {
                let released = stream.flow_control().release_capacity(data.len());
                Some(released.map(|()| Frame::data(data)))
            }
            Some(Err(error)) => Some(Err(error)),
            None => {
                ready!(stream.poll_trailers(cx)).transpose().map(|trailers| trailers.map(Frame::trailers))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}
