//! Who may do what: accounts, rules, and what was denied.

use nightjar_broker::AccountName;
use nightjar_server::Password;
use nightjar_store::RulesError;

use super::{Host, blocking, look, unreadable};
use crate::views::{accounts, denials, millis, rules};
use crate::wire::{
    AccountRows, CertificateInfo, DenialRows, Fault, ListQuery, RuleChange, RuleImpact, RuleQuestion, RuleRows,
    RuleVerdict,
};

/// The certificate that Nightjar made, where it has made one.
#[tauri::command]
pub(crate) async fn own_certificate(engine: Host<'_>) -> Result<Option<CertificateInfo>, Fault> {
    let directory = engine.data_directory().to_owned();
    blocking(move || {
        let facts = nightjar_server::own_certificate(&directory).map_err(|error| {
            Fault::new("The certificate was not read", error, "It is made again when Nightjar starts without it")
        })?;
        Ok(facts.map(|facts| CertificateInfo {
            file: facts.file.display().to_string(),
            fingerprint: facts.fingerprint,
            from: millis(facts.from),
            until: millis(facts.until),
            names: facts.names,
        }))
    })
    .await
}

#[tauri::command]
pub(crate) async fn account_rows(engine: Host<'_>, query: ListQuery) -> Result<AccountRows, Fault> {
    look(&engine, move |running| {
        let found = running.server.accounts();
        let found = found.map_err(|error| Fault::of_read("The accounts were not read", &error))?;
        Ok(accounts::rows(running.broker(), &found, &query))
    })
    .await
}

#[tauri::command]
pub(crate) async fn set_account_password(engine: Host<'_>, name: String, password: String) -> Result<(), Fault> {
    const WHAT: &str = "The password was not changed";
    look(&engine, move |running| {
        let name = named(WHAT, &name)?;
        let password = Password::new(password).map_err(|error| Fault::new(WHAT, error, "Write another one"))?;
        running.server.set_account_password(&name, &password).map_err(|error| unchanged(WHAT, error))
    })
    .await
}

#[tauri::command]
pub(crate) async fn set_account_disabled(engine: Host<'_>, name: String, disabled: bool) -> Result<(), Fault> {
    const WHAT: &str = "The account was not changed";
    look(&engine, move |running| {
        let name = named(WHAT, &name)?;
        running.server.set_account_disabled(&name, disabled).map_err(|error| unchanged(WHAT, error))
    })
    .await
}

#[tauri::command]
pub(crate) async fn remove_account(engine: Host<'_>, name: String) -> Result<(), Fault> {
    const WHAT: &str = "The account was not deleted";
    look(&engine, move |running| {
        let name = named(WHAT, &name)?;
        running.server.remove_account(&name).map_err(|error| unchanged(WHAT, error))
    })
    .await
}

#[tauri::command]
pub(crate) async fn rule_rows(engine: Host<'_>, query: ListQuery) -> Result<RuleRows, Fault> {
    look(&engine, move |running| Ok(rules::rows(&running.broker().rules(), &query))).await
}

/// What a change of the rules would take from whom, before it holds.
#[tauri::command]
pub(crate) async fn rule_impact(engine: Host<'_>, change: RuleChange) -> Result<RuleImpact, Fault> {
    look(&engine, move |running| {
        let mut then = running.broker().rules();
        let change = rules::Change::new(change)?;
        change.apply(&mut then).map_err(|error| unchanged("The rules were not changed", error))?;
        Ok(rules::impact(running.broker(), running.store(), then))
    })
    .await
}

#[tauri::command]
pub(crate) async fn change_rules(engine: Host<'_>, change: RuleChange) -> Result<(), Fault> {
    look(&engine, move |running| {
        let change = rules::Change::new(change)?;
        let changed = running.server.change_rules(|set| change.apply(set));
        changed.map_err(|error: RulesError| unchanged("The rules were not changed", error))
    })
    .await
}

#[tauri::command]
pub(crate) async fn test_rule(engine: Host<'_>, question: RuleQuestion) -> Result<RuleVerdict, Fault> {
    look(&engine, move |running| Ok(rules::verdict(running.broker(), &question))).await
}

#[tauri::command]
pub(crate) async fn denial_rows(engine: Host<'_>, query: ListQuery) -> Result<DenialRows, Fault> {
    look(&engine, move |running| denials::rows(running.broker(), running.store(), &query).map_err(unreadable)).await
}

fn named(what: &str, name: &str) -> Result<AccountName, Fault> {
    AccountName::new(name).map_err(|error| Fault::new(what, error, "Look at the list of accounts again"))
}

fn unchanged(what: &str, why: impl std::fmt::Display) -> Fault {
    Fault::new(what, why, "Everything is as before; look at the list again, and try once more")
}
