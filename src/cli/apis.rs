//! Descriptions of APIs: read from files, compared with the services of a policy.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;

use super::Failure;
use super::inputs::Looked;
use crate::api::{Against, Api, compare as compare_with, read as read_api};
use crate::diag::{Report, Sources};

/// The most bytes of a description. Large ones have five million.
const MAX_BYTES: u64 = 16 << 20;

/// The name and the bytes of a file; `-` is standard input.
pub(super) fn read(file: &str) -> Result<(String, Vec<u8>), Failure> {
    let standard = file == "-";
    let name = if standard { "standard input".to_owned() } else { file.to_owned() };
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("can't read `{name}`: {error}"));
    let mut bytes = Vec::new();
    let read = if standard {
        stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(Path::new(file)).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| failed(&error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(failed(&format!("it has more than {MAX_BYTES} bytes")));
    }
    Ok((name, bytes))
}

/// Compares each description with its service.
pub(super) fn compare(
    given: &[String],
    looked: &[Looked],
    report: &mut Report,
    sources: &mut Sources,
) -> Result<(), Failure> {
    if given.is_empty() {
        return Ok(());
    }
    if looked.len() > 1 {
        return Err(Failure::new("`--api` compares with one policy: name one directory"));
    }
    let mut of_service: Vec<(Option<&str>, Vec<Api>)> = Vec::new();
    for one in given {
        let (service, file) = named(one);
        let (name, bytes) = read(file)?;
        let Some(api) = read_api(&name, bytes, sources, report) else { continue };
        match of_service.iter_mut().find(|(known, _)| *known == service) {
            Some((_, apis)) => apis.push(api),
            None => of_service.push((service, vec![api])),
        }
    }
    // With errors in the policy there is nothing to compare with.
    let Some(Looked { compiled: Some(compiled), place }) = looked.first() else { return Ok(()) };
    let policy = &compiled.written;
    for (name, apis) in &of_service {
        let mut services = policy.services.iter().zip(compiled.index.services());
        let found = match name {
            Some(name) => services.find(|(service, _)| service.name.value.as_str() == *name),
            None if policy.services.len() == 1 => services.next(),
            None => None,
        };
        let Some((service, (id, _))) = found else {
            return Err(no_service(*name, policy));
        };
        compare_with(apis, Against { service, index: &compiled.index, id, place }, report);
    }
    Ok(())
}

/// `events=api.yaml`: what stands before the `=` is a service if it could be
/// the name of one.
fn named(given: &str) -> (Option<&str>, &str) {
    match given.split_once('=') {
        Some((service, file)) if is_service_name(service) => (Some(service), file),
        _ => (None, given),
    }
}

/// Whether a policy can have a service of this name.
pub(super) fn is_service_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('-')
}

fn no_service(name: Option<&str>, policy: &crate::policy::Policy) -> Failure {
    let known: Vec<&str> = policy.services.iter().map(|service| service.name.value.as_str()).collect();
    let known = known.join("`, `");
    Failure::new(match name {
        Some(name) => format!("the policy has no service `{name}`: it has `{known}`"),
        None => format!("which service is it? write `--api SERVICE=FILE`: the policy has `{known}`"),
    })
}
