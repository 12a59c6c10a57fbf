#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use super::super::Figure;
use super::*;

fn index(routes: &str) -> Index {
    let folder = tempfile::tempdir().unwrap();
    let policy = format!("services: {{ shop: {{ paths: [/], routes: [{routes}] }} }}");
    std::fs::write(folder.path().join("all.yaml"), policy).unwrap();
    crate::compile::load(folder.path()).0.unwrap()
}

fn record(reason: Reason, meter: Option<&Meter>) -> Record<'_> {
    Record { meter, took: Duration::from_micros(3), ..Record::bare("", reason) }
}

fn decisions(metrics: &Metrics) -> Vec<String> {
    let text = metrics.text(Figures::default()).unwrap();
    text.lines().filter(|line| line.starts_with("doorward_decisions_total")).map(str::to_owned).collect()
}

const ONE: &str = "{ route: GET /a, access: anonymous }";
const TWO: &str = "{ route: GET /b, access: anonymous }";

#[test]
fn decisions_are_counted_by_service_route_and_reason() {
    let metrics = Metrics::default();
    let index = index(ONE);
    let meters = metrics.meters(&index);
    let (route, service) = (index.routes().next().unwrap().0, index.services().next().unwrap().0);
    let on_route = meters.of(Some(service), Some(route)).unwrap();
    let in_service = meters.of(Some(service), None).unwrap();
    assert!(meters.of(None, None).is_none());
    metrics.decided(&record(Reason::Allowed, Some(on_route)));
    metrics.decided(&record(Reason::Allowed, Some(on_route)));
    metrics.decided(&record(Reason::RouteUnknown, Some(in_service)));
    metrics.decided(&record(Reason::ServiceUnknown, None));
    assert_eq!(
        decisions(&metrics),
        [
            "doorward_decisions_total{service=\"shop\",route=\"\",reason=\"route_unknown\"} 1",
            "doorward_decisions_total{service=\"shop\",route=\"GET /a\",reason=\"allowed\"} 2",
            "doorward_decisions_total{service=\"\",route=\"\",reason=\"service_unknown\"} 1",
        ]
    );
}

#[test]
fn dos_7_counts_stay_with_routes_that_stay_and_go_with_those_that_go() {
    let metrics = Metrics::default();
    let count = |index: &Index| {
        let meters = metrics.meters(index);
        for (route, _) in index.routes() {
            metrics.decided(&record(Reason::Allowed, meters.of(None, Some(route))));
        }
    };
    count(&index(&format!("{ONE}, {TWO}")));
    count(&index(ONE));
    assert_eq!(
        decisions(&metrics),
        ["doorward_decisions_total{service=\"shop\",route=\"GET /a\",reason=\"allowed\"} 2"]
    );
}

#[test]
fn the_text_is_openmetrics() {
    let metrics = Metrics::default();
    let _begun = metrics.begin(1).unwrap();
    assert!(metrics.begin(1).is_none());
    metrics.decided(&record(Reason::Overloaded, None));
    let text = metrics.text(Figures::default()).unwrap();
    for line in [
        "# TYPE doorward_check_duration_seconds histogram",
        "doorward_check_duration_seconds_bucket{le=\"0.000002\"} 0",
        "doorward_check_duration_seconds_bucket{le=\"0.000005\"} 1",
        "doorward_check_duration_seconds_bucket{le=\"0.1\"} 1",
        "doorward_check_duration_seconds_bucket{le=\"+Inf\"} 1",
        "doorward_check_duration_seconds_count 1",
        "doorward_checks_in_flight 1",
        "doorward_checks_overloaded_total 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn numbers_of_others_stand_beside_ours_with_their_labels_escaped() {
    let mut figures = Figures::default();
    figures.add(Figure::counter("doorward_fetches", "Fetches").is(3));
    figures.add(Figure::gauge("doorward_age_seconds", "Age").is(1.5));
    let odd = "a \"quote\", a \\ and a\nline {x}";
    figures
        .add(Figure::gauge("doorward_keys", "Keys").of(&[("issuer", odd)], 2).of(&[("issuer", "b")], true));
    figures.add(Figure::gauge("doorward_none", "Nothing to tell"));
    let text = Metrics::default().text(figures).unwrap();
    for line in [
        "# TYPE doorward_fetches counter",
        "doorward_fetches_total 3",
        "doorward_age_seconds 1.5",
        "doorward_keys{issuer=\"a \\\"quote\\\", a \\\\ and a\\nline {x}\"} 2",
        "doorward_keys{issuer=\"b\"} 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
}
