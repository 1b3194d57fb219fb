//! `/metrics`, `/livez` and `/readyz` over HTTP.

use super::exposition;
use super::health::Health;
use crate::limits::{METRICS_ACCEPT_PAUSE, METRICS_CONNECTIONS_MAX, METRICS_TIMEOUT};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::prometheus_text;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Type of an answer in words.
const WORDS: &str = "text/plain; charset=utf-8";

/// Answers requests. Never returns.
pub(super) async fn serve(listener: TcpListener, health: Health) {
    let places = Arc::new(Semaphore::new(METRICS_CONNECTIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "a request for metrics was not accepted");
                sleep(METRICS_ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Past the bound, a connection is closed at once.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let health = health.clone();
        tokio::spawn(async move {
            let _ = timeout(METRICS_TIMEOUT, connection(stream, health)).await;
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, health: Health) {
    let service = service_fn(move |request| {
        let health = health.clone();
        async move { Ok::<_, Infallible>(answer(&request, &health).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a request for metrics ended early");
    }
}

async fn answer<B>(request: &Request<B>, health: &Health) -> Response<Full<Bytes>> {
    if !is_local(request) {
        // The page of another site, whose name leads here.
        return words(StatusCode::MISDIRECTED_REQUEST, "this is no site of that name\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return words(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    }
    if matches!(request.uri().path(), "/metrics" | "/readyz") {
        health.look().await;
    }
    match request.uri().path() {
        "/metrics" => match exposition::text(health.measures()) {
            Ok(text) => response(StatusCode::OK, prometheus_text::CONTENT_TYPE, text),
            Err(_) => words(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n"),
        },
        "/livez" if health.lives().await => words(StatusCode::OK, "live\n"),
        "/livez" => words(StatusCode::SERVICE_UNAVAILABLE, "a shard does not answer\n"),
        "/readyz" => match health.ready() {
            Ok(text) => words(StatusCode::OK, format!("{text}\n")),
            Err(cause) => words(StatusCode::SERVICE_UNAVAILABLE, format!("{cause}\n")),
        },
        _ => words(StatusCode::NOT_FOUND, "/metrics, /livez and /readyz are here\n"),
    }
}

/// Returns true if the request was made for this machine by a name or an address of its own.
fn is_local<B>(request: &Request<B>) -> bool {
    let Some(host) = request.headers().get(HOST) else { return true };
    let Ok(host) = host.to_str() else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn words(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    response(status, WORDS, text)
}

fn response(
    status: StatusCode,
    kind: &'static str,
    text: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")] {
        headers.insert(name, hyper::header::HeaderValue::from_static(value));
    }
    response
}
