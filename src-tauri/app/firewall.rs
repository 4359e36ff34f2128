//! What may keep devices away from the listeners. A firewall's rules are for administrators to read, so this says which one
//! is there, and never that it lets a device through or that it does not.

use std::fs;
use std::path::Path;

use crate::wire::FirewallHint;

/// A firewall that can be recognised by anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Firewall {
    Ufw,
    Firewalld,
    Nftables,
    #[cfg_attr(not(any(windows, test)), expect(dead_code, reason = "Windows always has it"))]
    Windows,
    #[cfg_attr(not(any(target_os = "macos", test)), expect(dead_code, reason = "macOS always has it"))]
    MacOs,
}

/// Bytes of a configuration file that are looked at.
const MOST: u64 = 1 << 20;

/// What is to be said on this computer; `None` where no firewall is recognised. Blocks on the disk for a moment.
pub(crate) fn hint(ports: &[u16]) -> Option<FirewallHint> {
    #[cfg(windows)]
    let found = Some(Firewall::Windows);
    #[cfg(target_os = "macos")]
    let found = Some(Firewall::MacOs);
    #[cfg(not(any(windows, target_os = "macos")))]
    let found = find(Path::new("/"));
    found.map(|firewall| firewall.hint(ports))
}

/// Looks at what services and their settings leave where everybody may read.
#[cfg_attr(any(windows, target_os = "macos"), expect(dead_code, reason = "Linux has several"))]
fn find(root: &Path) -> Option<Firewall> {
    let text = |path: &str| {
        let path = root.join(path);
        let is_small = fs::metadata(&path).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MOST);
        if is_small { fs::read_to_string(path).unwrap_or_default() } else { String::new() }
    };
    let is_on = |line: &str| {
        line.split_once('=').is_some_and(|(key, value)| (key.trim(), unquoted(value)) == ("ENABLED", "yes"))
    };
    if text("etc/ufw/ufw.conf").lines().any(is_on) {
        return Some(Firewall::Ufw);
    }
    // Each service that runs has a control group: version 2, and 1.
    let runs = |service: &str| {
        ["sys/fs/cgroup/system.slice", "sys/fs/cgroup/systemd/system.slice"]
            .iter()
            .any(|groups| root.join(groups).join(service).is_dir())
    };
    if runs("firewalld.service") {
        return Some(Firewall::Firewalld);
    }
    // It loads its rules at the start of the computer, and ends.
    let is_enabled = ["sysinit", "multi-user"].iter().any(|target| {
        let link = format!("etc/systemd/system/{target}.target.wants/nftables.service");
        fs::symlink_metadata(root.join(link)).is_ok()
    });
    (is_enabled && text("etc/nftables.conf").lines().any(|line| !is_comment(line) && line.contains("hook input")))
        .then_some(Firewall::Nftables)
}

fn unquoted(value: &str) -> &str {
    value.trim().trim_matches(['"', '\''])
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

impl Firewall {
    fn hint(self, ports: &[u16]) -> FirewallHint {
        let each = |command: &dyn Fn(u16) -> String| ports.iter().map(|&port| command(port)).collect::<Vec<_>>();
        let listed = || ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let (known, cure, commands) = match self {
            Self::Ufw => (
                "The firewall ufw is switched on; only an administrator can see whether it lets devices through.",
                "This does:",
                each(&|port| format!("sudo ufw allow {port}/tcp")),
            ),
            Self::Firewalld => (
                "The firewall firewalld is running; only an administrator can see whether it lets devices through.",
                "This does:",
                [
                    each(&|port| format!("sudo firewall-cmd --permanent --add-port={port}/tcp")),
                    vec!["sudo firewall-cmd --reload".to_owned()],
                ]
                .concat(),
            ),
            Self::Nftables => (
                "nftables loads rules for what comes in, from /etc/nftables.conf; only an administrator can see which hold now.",
                "Where they drop what they don't know, this line in their chain for input lets devices through:",
                vec![format!("tcp dport {{ {} }} accept", listed())],
            ),
            Self::Windows => (
                "Windows asks once whether Nightjar may be reached, and keeps devices away until somebody says yes.",
                "As an administrator, this lets devices on private networks through:",
                each(&|port| {
                    format!(
                        "netsh advfirewall firewall add rule name=\"Nightjar {port}\" dir=in action=allow protocol=TCP localport={port} profile=private"
                    )
                }),
            ),
            Self::MacOs => (
                "Where the firewall of macOS is switched on, it asks once whether Nightjar may be reached.",
                "Look for Nightjar in System Settings > Network > Firewall > Options, and allow incoming connections.",
                Vec::new(),
            ),
        };
        FirewallHint { known: known.to_owned(), cure: cure.to_owned(), commands }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn computer(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn what_can_be_seen_is_recognised_and_nothing_is_guessed() {
        const LINK: &str = "etc/systemd/system/sysinit.target.wants/nftables.service";
        const CHAIN: &str = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter;\n";
        const GROUP: &str = "sys/fs/cgroup/system.slice/firewalld.service/cgroup.procs";
        for (files, found) in [
            (&[][..], None),
            (&[("etc/ufw/ufw.conf", "# it is\nENABLED=no\n")], None),
            (&[("etc/ufw/ufw.conf", "#ENABLED=yes\n")], None),
            (&[("etc/ufw/ufw.conf", "LOGLEVEL=low\nENABLED=yes\n")], Some(Firewall::Ufw)),
            (&[("etc/ufw/ufw.conf", "ENABLED = \"yes\"\n")], Some(Firewall::Ufw)),
            (&[("usr/sbin/firewalld", "")], None),
            (&[(GROUP, "812\n")], Some(Firewall::Firewalld)),
            (&[("etc/nftables.conf", CHAIN)], None),
            (&[("etc/nftables.conf", "flush ruleset\n# hook input\n"), (LINK, "")], None),
            (&[("etc/nftables.conf", CHAIN), (LINK, "")], Some(Firewall::Nftables)),
        ] {
            assert_eq!(find(computer(files).path()), found, "{files:?}");
        }
        let garbage = computer(&[]);
        fs::create_dir_all(garbage.path().join("etc/ufw/ufw.conf")).unwrap();
        assert_eq!(find(garbage.path()), None);
    }

    #[test]
    fn every_port_is_in_the_commands() {
        for firewall in [Firewall::Ufw, Firewall::Firewalld, Firewall::Nftables, Firewall::Windows] {
            let commands = firewall.hint(&[1883, 8083]).commands.join("\n");
            assert!(commands.contains("1883") && commands.contains("8083"), "{commands}");
        }
        assert_eq!(Firewall::Ufw.hint(&[1883]).commands, ["sudo ufw allow 1883/tcp"]);
        assert!(Firewall::MacOs.hint(&[1883]).commands.is_empty());
    }
}
