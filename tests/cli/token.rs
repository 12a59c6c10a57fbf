//! `doorward token`: keys and tokens that `doorward check` then verifies.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Doorward, Said};

/// A folder with a policy and a configuration that trusts the keys in it.
pub(crate) struct Shop(TempDir);

const POLICY: &str = r#"
roles:
  viewer: { grants: [item:read] }
  seller: { inherits: [viewer], grants: [item:write] }
bindings:
  - { group: /sales, roles: [seller] }
services:
  items:
    paths: [/items]
    routes:
      - { route: "GET /items/{id}", codes: item:read }
      - { route: "PUT /items/{id}", codes: item:write }
      - { route: GET /items/open, access: anonymous }
"#;

pub(crate) const SECRET: &str = "a secret for tests that is long enough";

impl Shop {
    pub(crate) fn new(algorithm: &str, keys: &str) -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        fs::create_dir(shop.path().join("policies")).unwrap();
        fs::write(shop.path().join("policies/shop.yaml"), POLICY).unwrap();
        fs::write(
            shop.path().join("doorward.yaml"),
            format!(
                "identity:\n  issuers:\n    - issuer: https://id.test\n      audiences: [shop]\n      \
                 algorithms: [{algorithm}]\n      keys: {{ {keys} }}\n      roles: [roles, realm.roles]\n      \
                 groups: groups\nupstream_headers:\n  x-user-id: user.id\n  x-user-roles: user.roles\n  \
                 x-user-tenant: claims.tenant\n"
            ),
        )
        .unwrap();
        shop
    }

    /// With a key pair that `doorward token keygen` made.
    pub(crate) fn with_keys(algorithm: &str) -> Self {
        let shop = Self::new(algorithm, "file: jwks.json");
        let said =
            shop.run(&["token", "keygen", "-a", algorithm, "--private", "dev.pem", "--jwks", "jwks.json"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        shop
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Doorward {
        Doorward::new(args.iter().copied()).within(self.path()).env("SECRET", SECRET)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.command(args).run()
    }

    /// A token for ann, made with further arguments.
    #[track_caller]
    pub(crate) fn token(&self, args: &[&str]) -> String {
        let usual = ["token", "--issuer", "https://id.test", "--audience", "shop", "--user", "ann"];
        let said = self.run(&[&usual, args].concat());
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{args:?}");
        let token = said.out.strip_suffix('\n').unwrap();
        assert!(!token.contains(['\n', ' ']));
        token.to_owned()
    }

    /// The reason that a token gets for `GET /items/1`.
    #[track_caller]
    pub(crate) fn reason(&self, token: &str) -> String {
        let args = ["check", "GET", "/items/1", "--token-file", "-", "--format", "json"];
        let said = self.command(&args).run_with_input(token);
        let told: Value = serde_json::from_str(&said.out).expect(&said.err);
        told["reason"].as_str().unwrap().to_owned()
    }
}

const KEY: [&str; 2] = ["--key", "dev.pem"];

#[test]
fn every_kind_of_key_makes_tokens_that_verify() {
    for algorithm in ["RS256", "ES256", "ES384", "EdDSA"] {
        let shop = Shop::with_keys(algorithm);
        let token = shop.token(&[&KEY[..], &["--roles", "viewer"]].concat());
        assert_eq!(shop.reason(&token), "allowed", "{algorithm}");
        assert_eq!(shop.reason(&shop.token(&KEY)), "code_missing", "{algorithm}");
    }
    let shop = Shop::with_keys("PS384");
    let token = shop.token(&[&KEY[..], &["--roles", "viewer", "--algorithm", "PS384"]].concat());
    assert_eq!(shop.reason(&token), "allowed");
    assert_eq!(shop.reason(&shop.token(&KEY)), "algorithm_not_allowed", "an RSA key signs RS256 by itself");
}

#[test]
fn a_secret_makes_tokens_that_verify() {
    let shop = Shop::new("HS256", "secret_env: SECRET");
    let token = shop.token(&["--secret-env", "SECRET", "--roles", "viewer"]);
    assert_eq!(shop.reason(&token), "allowed");
    let made = shop.run(&["token", "keygen", "--algorithm", "HS256"]);
    assert!(made.code == 0 && made.out.trim_end().len() >= 64);
    let other = Shop::new("HS256", "secret_env: OTHER");
    let said = other
        .command(&[
            "token",
            "mint",
            "--issuer",
            "i",
            "--audience",
            "a",
            "--user",
            "u",
            "--secret-env",
            "OTHER",
        ])
        .env("OTHER", made.out.trim_end())
        .run();
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn what_the_arguments_say_is_in_the_token() {
    let shop = Shop::with_keys("ES256");
    let with = |args: &[&str]| shop.reason(&shop.token(&[&KEY[..], args].concat()));
    assert_eq!(with(&["--groups", "/x,/sales"]), "allowed", "a binding of the group");
    assert_eq!(with(&["--claim", r#"realm={"roles":["viewer"]}"#]), "allowed");
    assert_eq!(with(&["--roles", "viewer", "--claim", r#"roles=[]"#]), "code_missing", "a claim replaces");
    assert_eq!(with(&["--roles", "viewer", "--expires-in", "-120"]), "token_expired");
    assert_eq!(with(&["--roles", "viewer", "--expires-in=-2m"]), "token_expired");
    assert_eq!(with(&["--roles", "viewer", "--expires-in", "7d"]), "allowed");
    assert_eq!(with(&["--roles", "viewer", "--audience", "other"]), "allowed", "one of two audiences");
    assert_eq!(with(&["--claim", "nbf=9999999999"]), "token_not_yet_valid");
    assert_eq!(with(&["--claim", r#"iss="https://other.test""#]), "issuer_unknown");
    assert_eq!(with(&["--claim", r#"aud="other""#]), "audience_mismatch");
}

#[test]
fn a_key_in_use_is_not_overwritten() {
    let shop = Shop::with_keys("ES256");
    let before = fs::read_to_string(shop.path().join("dev.pem")).unwrap();
    let keygen = ["token", "keygen", "--private", "dev.pem", "--jwks", "jwks.json"];
    let said = shop.run(&keygen);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("`dev.pem` exists already"), "{}", said.err);
    let said = shop.run(&["token", "keygen", "--private", "new.pem", "--jwks", "jwks.json"]);
    assert_eq!(said.code, 2);
    assert!(!shop.path().join("new.pem").exists(), "nothing was written");
    assert_eq!(fs::read_to_string(shop.path().join("dev.pem")).unwrap(), before);

    let said = shop.run(&[&keygen[..], &["--force"]].concat());
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_ne!(fs::read_to_string(shop.path().join("dev.pem")).unwrap(), before);
    assert!(!said.out.contains("PRIVATE"));
}

#[cfg(unix)]
#[test]
fn a_private_key_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let shop = Shop::with_keys("ES256");
    let file = shop.path().join("dev.pem");
    let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    // Also where a file was there that everybody could read.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    shop.run(&["token", "keygen", "--private", "dev.pem", "--jwks", "jwks.json", "--force"]);
    assert_eq!(mode(), 0o600);
}

#[test]
fn arguments_that_make_no_token_are_told() {
    let shop = Shop::with_keys("ES256");
    let mint = ["token", "--issuer", "i", "--audience", "a", "--user", "u"];
    for (args, word) in [
        (&["token"][..], "--issuer"),
        (&["token", "mint"], "--issuer"),
        (&["token", "--issuer", "i", "--audience", "a", "--key", "dev.pem"], "--user"),
        (&mint, "--key"),
        (&[&mint[..], &["--key", "none.pem"]].concat(), "can't read the key `none.pem`"),
        (&[&mint[..], &["--key", "jwks.json"]].concat(), "can't be used"),
        (&[&mint[..], &["--key", "dev.pem", "--secret-env", "SECRET"]].concat(), "cannot be used with"),
        (&[&mint[..], &["--secret-env", "NONE"]].concat(), "`NONE` is not set"),
        (&[&mint[..], &["--secret-env", "SECRET", "-a", "HS512"]].concat(), "needs 64"),
        (&[&mint[..], &["--secret-env", "SECRET", "-a", "RS256"]].concat(), "does not go with a secret"),
        (&[&mint[..], &KEY, &["-a", "RS256"]].concat(), "does not go with this kind of key"),
        (&[&mint[..], &KEY, &["-a", "none"]].concat(), "possible values"),
        (&[&mint[..], &KEY, &["--claim", "tenant=acme"]].concat(), "write texts in quotes"),
        (&[&mint[..], &KEY, &["--claim", "tenant"]].concat(), "NAME=JSON"),
        (&[&mint[..], &KEY, &["--claim", "a=1", "--claim", "a=2"]].concat(), "twice"),
        (&[&mint[..], &KEY, &["--expires-in", "soon"]].concat(), "15m"),
        (&["token", "keygen"], "--private key.pem"),
        (&["token", "keygen", "--private", "x.pem"], "--jwks"),
        (&["token", "keygen", "--private", "x", "--jwks", "x"], "same file"),
        (
            &["token", "keygen", "-a", "HS256", "--private", "x.pem", "--jwks", "x.json"],
            "environment variable",
        ),
        (
            &["token", "keygen", "--private", "policies", "--jwks", "x.json", "--force"],
            "can't replace `policies`",
        ),
    ] {
        let said = shop.run(args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}");
        assert!(said.err.contains(word), "{args:?}: {}", said.err);
        assert!(!said.err.contains(SECRET), "{args:?}");
    }
    assert!(shop.path().join("policies").is_dir());
}

#[test]
fn inspect_tells_every_check_and_prints_neither_token_nor_signature() {
    let shop = Shop::with_keys("RS256");
    let inspect = |token: &str, more: &[&str]| {
        let said = shop.command(&[&["token", "inspect"], more].concat()).run_with_input(token);
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!said.out.contains(part) && !said.err.contains(part));
        }
        said
    };
    let good = shop.token(&[&KEY[..], &["--roles", "viewer", "--groups", "/sales"]].concat());
    let said = inspect(&good, &[]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    for line in [
        "alg              RS256",
        "issuer           https://id.test",
        "signature        holds",
        "audience         holds",
        "user             ann",
        "roles            seller, viewer",
        "codes            item:read, item:write",
        "result           the token is accepted",
    ] {
        assert!(said.out.lines().any(|l| l == line), "{line}: {}", said.out);
    }
    let bad = shop
        .token(&[&KEY[..], &["--expires-in", "-1h", "--claim", "aud=\"x\"", "--claim", "cnf={}"]].concat());
    let said = inspect(&bad, &["--format", "json"]);
    assert_eq!(said.code, 1);
    let told: Value = serde_json::from_str(&said.out).unwrap();
    let refusing: Vec<&str> = told["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["outcome"] == "refuses")
        .map(|check| check["check"].as_str().unwrap())
        .collect();
    assert_eq!(refusing, ["sender", "times", "audience"]);
    assert_eq!((&told["caller"]["user"], &told["reason"]), (&"ann".into(), &"token_malformed".into()));
    assert_eq!(inspect("nonsense", &[]).code, 1);
    assert_eq!(inspect(&good, &["--service", "none"]).code, 2);
    assert_eq!(shop.run(&["token", "inspect", &good]).code, 2, "never an argument");
}

/// The same shop, whose tokens name roles of several applications.
fn renaming() -> Shop {
    let shop = Shop::new("HS256", "secret_env: SECRET");
    let path = shop.path().join("doorward.yaml");
    let config = fs::read_to_string(&path).unwrap();
    let names = "      role_prefixes: [\"shop:\"]\n      roles_map: { boss: seller }\n      groups: groups\n";
    fs::write(&path, config.replace("      groups: groups\n", names)).unwrap();
    shop
}

fn named(shop: &Shop, roles: &str) -> String {
    shop.token(&["--secret-env", "SECRET", "--roles", roles])
}

#[test]
fn clm_9_role_names_are_read_as_the_policy_calls_them() {
    let shop = renaming();
    let page = |roles: &str| {
        let args = ["check", "PUT", "/items/1", "--token-file", "-"];
        let said = shop.command(&args).run_with_input(&named(&shop, roles));
        let lines =
            said.out.lines().map(str::trim).filter(|l| l.starts_with("name") || l.starts_with("role "));
        (said.code, lines.map(str::to_owned).collect::<Vec<_>>())
    };
    let told = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        page("shop:boss"),
        (0, told(&["name      shop:boss, read as seller", "role      seller, by the token"]))
    );
    assert_eq!(
        page("shop:seller,seller,boss,shop:viewer,shop:,shop:ghost"),
        (
            1,
            told(&[
                "name      shop:seller, which gives nothing: `roles_map` gives that role to other names",
                "name      seller, which gives nothing: it has none of the `role_prefixes`",
                "name      boss, which gives nothing: it has none of the `role_prefixes`",
                "name      shop:viewer, read as viewer",
                "name      shop:, which gives nothing: there is nothing behind its prefix",
                "name      shop:ghost, read as ghost",
                "role      viewer, by the token",
                "role      ghost, by the token but not in the policy: gives nothing",
            ])
        )
    );
}

#[test]
fn inspect_tells_what_became_of_role_names() {
    let shop = renaming();
    let inspect = |format: &str| {
        let args = ["token", "inspect", "--format", format];
        let said = shop.command(&args).run_with_input(&named(&shop, "shop:boss,shop:seller"));
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        said.out
    };
    let text = inspect("text");
    let lines: Vec<&str> =
        text.lines().filter(|l| l.starts_with("name ") || l.starts_with("roles ")).collect();
    assert_eq!(
        lines,
        [
            "name             shop:boss, read as seller",
            "name             shop:seller, which gives nothing: `roles_map` gives that role to other names",
            "roles            seller",
        ]
    );
    let told: Value = serde_json::from_str(&inspect("json")).unwrap();
    assert_eq!(
        told["caller"]["names"],
        json!([
            { "name": "shop:boss", "roles": ["seller"] },
            { "name": "shop:seller", "roles": [], "why": "`roles_map` gives that role to other names" },
        ])
    );
    assert_eq!(told["caller"]["roles"], json!(["seller"]));
}

#[test]
fn a_mapped_role_that_the_policy_lacks_is_warned_of() {
    let shop = renaming();
    let path = shop.path().join("doorward.yaml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, config.replace("boss: seller", "boss: chief")).unwrap();
    let said = shop.run(&["lint", "--format", "short"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(
        said.out.contains("doorward.yaml:9:26: warning[DW310]: the policy has no role `chief`"),
        "{}",
        said.out
    );
}
