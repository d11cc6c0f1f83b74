//! quinn with its defaults, with AWS-LC as its cryptographic library, as that of rudp.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use quinn::rustls::RootCertStore;
use quinn::rustls::pki_types::pem::PemObject as _;
use quinn::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use quinn::{ClientConfig, Endpoint, ServerConfig};

use super::{ANY, quic};
use crate::args::Task;
use crate::loads::{futures, say_ready};

pub(super) fn server(task: &Task) -> Result<()> {
    let (certificate, key) = quic::certificate()?;
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes())?];
    let config =
        ServerConfig::with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes())?)?;
    futures::run(async {
        let endpoint = Endpoint::server(config, ANY)?;
        say_ready(endpoint.local_addr()?, &quic::to_word(&certificate))?;
        futures::serve(task.test, task.time(), async || {
            let incoming = endpoint.accept().await.context("the endpoint is closed")?;
            Ok(async move {
                let (send, receive) = incoming.await?.accept_bi().await?;
                Ok(tokio::io::join(receive, send))
            })
        })
        .await
    })
}

pub(super) fn client(task: &Task, address: SocketAddr, trust: &str) -> Result<()> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(quic::from_word(trust)?.as_bytes())?)?;
    let config = ClientConfig::with_root_certificates(Arc::new(roots))?;
    futures::run(async {
        let mut endpoint = Endpoint::client(ANY)?;
        endpoint.set_default_client_config(config);
        futures::load(task.test, task.time(), async || {
            let connection = endpoint.connect(address, quic::NAME)?.await?;
            let (send, receive) = connection.open_bi().await?;
            Ok(tokio::io::join(receive, send))
        })
        .await
    })
}
