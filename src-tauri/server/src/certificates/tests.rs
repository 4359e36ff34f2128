use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::*;

fn source(certificate: Source) -> TlsSource {
    TlsSource { certificate, clients: None }
}

fn own(directory: &Path) -> Vec<CertificateDer<'static>> {
    Source::Own(directory.to_owned()).identity().unwrap().chain
}

#[test]
fn a_certificate_is_made_once_and_keys_are_their_owners() {
    let data = TempDir::new().unwrap();
    let directory = data.path().join("certs");
    let first = own(&directory);
    assert_eq!(first.len(), 2, "the authority's goes along");
    assert_eq!(own(&directory), first, "and stays");
    #[cfg(unix)]
    for (file, mode) in [("", 0o700), ("ca-key.pem", 0o600), ("server-key.pem", 0o600)] {
        let metadata = fs::metadata(directory.join(file)).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, mode, "{file}");
    }
    source(Source::Own(directory)).load().unwrap();
}

#[test]
fn what_is_broken_lost_or_of_another_authority_is_made_again() {
    let data = TempDir::new().unwrap();
    let first = own(data.path());
    for file in ["server.pem", "server-key.pem"] {
        fs::write(data.path().join(file), "rubbish").unwrap();
        let second = own(data.path());
        assert_ne!(second[0], first[0], "{file}");
        assert_eq!(second[1], first[1], "of the same authority");
    }
    for file in ["ca.pem", "ca-key.pem"] {
        fs::remove_file(data.path().join(file)).unwrap();
    }
    let other = own(data.path());
    assert!(other[0] != first[0] && other[1] != first[1]);
}

#[test]
fn a_certificate_without_a_name_or_about_to_end_is_renewed() {
    let data = TempDir::new().unwrap();
    let first = own(data.path());
    let authority = authority::Authority::of(data.path()).unwrap();
    let key = KeyPair::generate().unwrap();
    let without_names =
        authority.sign(&key, vec!["localhost".to_owned().try_into().map(rcgen::SanType::DnsName).unwrap()]);
    fs::write(data.path().join("server-key.pem"), key.serialize_pem()).unwrap();
    let chain = format!("{}{}", without_names.unwrap(), authority.certificate);
    fs::write(data.path().join("server.pem"), &chain).unwrap();
    let before = files::certificates(&data.path().join("server.pem")).unwrap();
    let renewed = own(data.path());
    assert!(renewed[0] != before[0] && renewed[1] == first[1]);
}

#[test]
fn an_authority_that_lost_its_key_is_not_replaced_in_silence() {
    let data = TempDir::new().unwrap();
    own(data.path());
    let certificate = fs::read(data.path().join("ca.pem")).unwrap();
    let key = data.path().join("ca-key.pem");
    fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let said = |problem: &str| {
        let error = source(Source::Own(data.path().to_owned())).load().unwrap_err().to_string();
        assert!(error.contains("ca-key.pem can't be used") && error.contains(problem), "{error}");
        assert!(error.contains("remove ca.pem and ca-key.pem"), "{error}");
    };
    said("it is not the key of ca.pem");
    fs::write(&key, "rubbish").unwrap();
    said("it is no key");
    fs::remove_file(&key).unwrap();
    said("it is missing");
    assert_eq!(fs::read(data.path().join("ca.pem")).unwrap(), certificate);
}

/// A certificate of somebody's own, in force between two years, and its key.
fn files(directory: &Path, years: [i32; 2]) -> CertificateFiles {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(["broker.example".to_owned()]).unwrap();
    [parameters.not_before, parameters.not_after] = years.map(|year| date_time_ymd(year, 1, 1));
    let files = CertificateFiles { certificate: directory.join("mine.pem"), key: directory.join("mine-key.pem") };
    fs::write(&files.certificate, parameters.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(&files.key, key.serialize_pem()).unwrap();
    files
}

#[test]
fn files_are_taken_as_they_are() {
    let data = TempDir::new().unwrap();
    let files = files(data.path(), [2020, 2090]);
    let source = source(Source::Files(files));
    source.renew(&source.load().unwrap()).unwrap();
}

#[test]
fn wrong_files_name_the_file_and_the_cure() {
    let data = TempDir::new().unwrap();
    let good = files(data.path(), [2020, 2090]);
    let fault = |files: &CertificateFiles| source(Source::Files(files.clone())).load().unwrap_err().to_string();
    let with = |certificate: Option<&Path>, key: Option<&Path>| CertificateFiles {
        certificate: certificate.unwrap_or(&good.certificate).to_owned(),
        key: key.unwrap_or(&good.key).to_owned(),
    };
    let (missing, rubbish, other) =
        (data.path().join("missing.pem"), data.path().join("rubbish.pem"), data.path().join("other.pem"));
    fs::write(&rubbish, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").unwrap();
    fs::write(&other, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    for (files, name, words) in [
        (with(Some(&missing), None), "missing.pem", "make it readable"),
        (with(None, Some(&missing)), "missing.pem", "make it readable"),
        (with(Some(data.path()), None), "", "no file of a certificate"),
        (with(Some(&rubbish), None), "rubbish.pem", "no certificate in PEM"),
        (with(Some(&other), None), "other.pem", "no certificate in PEM"),
        (with(None, Some(&rubbish)), "rubbish.pem", "no private key in PEM"),
        (with(None, Some(&good.certificate)), "mine.pem", "no private key in PEM"),
        (with(None, Some(&other)), "other.pem", "name the two that belong together"),
    ] {
        let said = fault(&files);
        assert!(said.contains(name) && said.contains(words), "{said}");
    }
    for (years, words) in [([2010, 2020], "replace it with a new one"), ([2090, 2099], "set the clock")] {
        let said = fault(&files(data.path(), years));
        assert!(said.contains("mine.pem") && said.contains(words), "{said}");
    }
}

#[test]
fn what_clients_are_asked_for_is_named_where_it_is_wrong() {
    let data = TempDir::new().unwrap();
    let good = files(data.path(), [2020, 2090]);
    let rubbish = data.path().join("rubbish.pem");
    fs::write(&rubbish, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n").unwrap();
    let load = |authority: &Path, revoked: Option<&Path>| {
        let (authority, revoked) = (authority.to_owned(), revoked.map(Path::to_owned));
        let clients =
            Some(ClientCertificates { required: true, authority, revoked, login: Some(CertificateName::CommonName) });
        TlsSource { certificate: Source::Files(good.clone()), clients }.load().map_err(|error| error.to_string())
    };
    load(&good.certificate, None).unwrap();
    for (authority, revoked, name, words) in [
        (&data.path().join("missing.pem"), None, "missing.pem", "make it readable"),
        (&good.key, None, "mine-key.pem", "no certificate in PEM"),
        (&good.certificate, Some(&*good.key), "mine-key.pem", "name a list in PEM"),
        (&good.certificate, Some(&*rubbish), "rubbish.pem", "name a list in PEM"),
    ] {
        let said = load(authority, revoked).unwrap_err();
        assert!(said.contains(name) && said.contains(words), "{said}");
    }
}
