//! The listeners beside plain TCP: TLS, WebSocket, and WebSocket over TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use nightjar_broker::{Broker, Scheme, Tls, Transport, WebSocketOptions};
use tokio::task::{AbortHandle, spawn_blocking};

use crate::certificates::{CertificateFiles, Source};
use crate::{CertificateError, StartError};

/// How often it is looked whether the certificate has to be renewed: names and addresses change, too.
const RENEWING: Duration = Duration::from_secs(60 * 60);

/// Which listeners there are beside plain TCP, and what they show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoorSettings {
    /// Where MQTT over TLS listens.
    pub tls: Vec<SocketAddr>,
    /// Where MQTT over WebSocket listens.
    pub web_socket: Vec<SocketAddr>,
    /// Where MQTT over WebSocket over TLS listens.
    pub web_socket_tls: Vec<SocketAddr>,
    /// Without them Nightjar makes a certificate itself.
    pub certificate: Option<CertificateFiles>,
}

/// A listener beside plain TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door {
    pub scheme: Scheme,
    pub address: SocketAddr,
}

/// What is open beside plain TCP.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    pub(crate) open: Vec<Door>,
    /// The task that renews the certificate, where there is one.
    renewing: Option<AbortHandle>,
}

impl Doors {
    /// Opens all of them.
    pub(crate) async fn open(
        broker: &Broker,
        settings: DoorSettings,
        data_directory: &Path,
    ) -> Result<Self, StartError> {
        let DoorSettings { tls, web_socket, web_socket_tls, certificate } = settings;
        let mut doors = Self::default();
        let mut shown = None;
        if !tls.is_empty() || !web_socket_tls.is_empty() {
            let source = Source::of(certificate, data_directory);
            let loaded = load(source.clone()).await?;
            let renewing = tokio::spawn(renew(source, loaded.clone()));
            doors.renewing = Some(renewing.abort_handle());
            shown = Some(loaded);
        }
        let options = || Some(WebSocketOptions::default());
        doors.listen(broker, &tls, &Transport { tls: shown.clone(), web_socket: None })?;
        doors.listen(broker, &web_socket, &Transport { tls: None, web_socket: options() })?;
        doors.listen(broker, &web_socket_tls, &Transport { tls: shown, web_socket: options() })?;
        Ok(doors)
    }

    fn listen(&mut self, broker: &Broker, addresses: &[SocketAddr], transport: &Transport) -> Result<(), StartError> {
        for &address in addresses {
            let opened = broker.listen_over(transport.clone(), address);
            let address = opened.map_err(|source| StartError::Listen { address, source })?;
            self.open.push(Door { scheme: transport.scheme(), address });
        }
        Ok(())
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        if let Some(renewing) = &self.renewing {
            renewing.abort();
        }
    }
}

async fn load(source: Source) -> Result<Tls, CertificateError> {
    match spawn_blocking(move || source.load()).await {
        Ok(loaded) => loaded,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Shows a new certificate where the old one is about to end, the computer's names and addresses changed, or somebody put
/// other files in the place of theirs.
async fn renew(source: Source, shown: Tls) {
    loop {
        tokio::time::sleep(RENEWING).await;
        let (source, shown) = (source.clone(), shown.clone());
        match spawn_blocking(move || source.renew(&shown)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the certificate of the TLS listeners was not renewed: {error}"),
            Err(error) => tracing::error!(%error, "the certificate of the TLS listeners was not renewed"),
        }
    }
}
