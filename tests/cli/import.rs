//! `doorward import`.

use std::fs;
use std::path::Path;

use crate::support::{Doorward, doorward, golden, root};

const SHOP: &str = "tests/golden/api/shop/api.yaml";
const GRPC: &str = "tests/golden/api/grpc/api.binpb";

#[test]
fn what_is_written_and_what_is_left_out() {
    golden("import", &doorward(["import", SHOP, "--service", "shop"]).transcript());
    golden("import-grpc", &doorward(["import", GRPC, "--service", "shop"]).transcript());
}

fn within(folder: &Path, args: &[&str]) -> crate::support::Said {
    Doorward::new(args.iter().copied()).within(folder).run()
}

#[test]
fn a_file_is_never_written_over_by_chance() {
    let folder = tempfile::tempdir().unwrap();
    let shop = root().join(SHOP);
    let import = |more: &[&str]| {
        within(
            folder.path(),
            &[&["import", shop.to_str().unwrap(), "--out", "new/policies", "--service", "shop"], more]
                .concat(),
        )
    };
    let said = import(&[]);
    assert_eq!(said.code, 1, "three operations can't be routes: {}", said.err);
    assert_eq!(said.out, "wrote new/policies/shop.yaml with 9 routes, all denied\n");
    let path = folder.path().join("new/policies/shop.yaml");
    let written = fs::read_to_string(&path).unwrap();
    fs::write(&path, "# mine\n").unwrap();
    let said = import(&[]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("`new/policies/shop.yaml` is there already"), "{}", said.err);
    assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\n");
    assert_eq!(import(&["--force"]).code, 1);
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
}

/// What is written lints without a finding, goes with its description, and
/// denies whoever asks.
#[test]
fn what_is_written_denies_everything_and_goes_with_its_description() {
    let folder = tempfile::tempdir().unwrap();
    let document = "openapi: 3.1.0
servers: [{ url: https://api.example.com/v1 }]
security: [{ oauth: [order:read] }]
paths:
  /orders: { get: {}, post: { x-roles: [clerk], x-codes: order:write } }
  /orders/{orderId}: { get: {}, delete: { security: [] } }
";
    fs::write(folder.path().join("Orders API.yaml"), document).unwrap();
    let said = within(folder.path(), &["import", "Orders API.yaml", "--out", "policies"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let said = within(
        folder.path(),
        &["lint", "policies", "--deny-warnings", "--api", "orders-api=Orders API.yaml"],
    );
    assert_eq!(said.code, 0, "{}", said.out);
    for request in
        [["GET", "/v1/orders"], ["POST", "/v1/orders"], ["GET", "/v1/orders/7"], ["DELETE", "/v1/orders/7"]]
    {
        let said = within(
            folder.path(),
            &["check", request[0], request[1], "--user", "ann", "--roles", "clerk", "--policies", "policies"],
        );
        assert_eq!(said.code, 1, "{request:?}: {}{}", said.out, said.err);
        assert!(said.out.contains("route_denied"), "{request:?}: {}", said.out);
    }
}

#[test]
fn what_can_not_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::File::create(folder.path().join("huge.json")).unwrap().set_len(100 << 20).unwrap();
    fs::write(folder.path().join("empty.yaml"), "").unwrap();
    fs::write(folder.path().join("nothing.yaml"), "openapi: 3.0.0\npaths: {}\n").unwrap();
    fs::write(folder.path().join("list.yaml"), "- openapi: 3.0.0\n").unwrap();
    fs::write(folder.path().join("deep.yaml"), "[".repeat(100_000)).unwrap();
    fs::write(folder.path().join("bomb.yaml"), bomb()).unwrap();
    fs::write(folder.path().join("nested.binpb"), nested()).unwrap();
    fs::write(folder.path().join("_.yaml"), "openapi: 3.0.0\npaths: { /a: { get: {} } }\n").unwrap();
    for (file, told) in [
        ("none.yaml", "can't read `none.yaml`"),
        ("huge.json", "it has more than 16777216 bytes"),
        ("empty.yaml", "DW230"),
        ("nothing.yaml", "has no operation that a route could be"),
        ("list.yaml", "DW230"),
        ("deep.yaml", "DW003"),
        ("bomb.yaml", "DW003"),
        ("nested.binpb", "DW230"),
        ("_.yaml", "write `--service NAME`"),
    ] {
        let said = within(folder.path(), &["import", file]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{file}: {}", said.err);
        assert!(said.err.contains(told), "{file}: {}", said.err);
    }
    let said = within(folder.path(), &["import", "nothing.yaml", "--service", "Not A Name"]);
    assert!(said.code == 2 && said.err.contains("is no name of a service"), "{}", said.err);
}

/// Aliases of aliases: a billion values if they were written out.
fn bomb() -> String {
    let mut text = String::from("openapi: 3.0.0\na: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (one, other) in ('a'..'i').zip('b'..'j') {
        text.push_str(&format!("{other}: &{other} [{}]\n", format!("*{one}, ").repeat(10)));
    }
    text + "paths: {}\n"
}

/// A rule within a rule within a rule: `google.api.http` nested ten thousand
/// times.
fn nested() -> Vec<u8> {
    let field = |tag: u32, body: &[u8]| {
        let mut bytes = Vec::new();
        for mut number in [tag << 3 | 2, u32::try_from(body.len()).unwrap()] {
            while number >= 0x80 {
                bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
                number >>= 7;
            }
            bytes.push(u8::try_from(number).unwrap());
        }
        bytes.extend_from_slice(body);
        bytes
    };
    let rule = (0..10_000).fold(field(2, b"/a"), |rule, _| field(11, &rule));
    let method = [field(1, b"M"), field(4, &field(72_295_728, &rule))].concat();
    let service = [field(1, b"S"), field(2, &method)].concat();
    field(1, &field(6, &service))
}

#[test]
fn standard_input_is_a_file_like_others() {
    let text = fs::read_to_string(root().join("tests/cli/fixtures/api/shop.yaml")).unwrap();
    let said = Doorward::new(["import", "-", "--service", "shop"]).run_with_input(&text);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("# Made of Shop 2.4 (standard input).\n"), "{}", said.out);
    // More than a pipe holds: it ends before it has read that.
    let said = Doorward::new(["import", "-"]).run_with_input(&text.repeat(100));
    assert_eq!(said.code, 2, "nobody knows how the service is called");
}
