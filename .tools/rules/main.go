// Checks alert rules and a dashboard with Prometheus' own parser and rule engine: the part of promtool that
// Doorward needs (promtool itself brings the client of every cloud).
//
//	rules RULES.yaml TESTS.yaml DASHBOARD.json
//
// The tests are in the format of `promtool test rules`; what is not read here is refused. Each alert must have
// a severity, a summary, a description and a link into the runbook, and must be seen both firing and quiet.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v2"
)

type testFile struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	Tests              []test         `yaml:"tests"`
}

type test struct {
	Name        string         `yaml:"name"`
	Interval    model.Duration `yaml:"interval"`
	InputSeries []struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	} `yaml:"input_series"`
	Alerts []expectation `yaml:"alert_rule_test"`
}

type expectation struct {
	Alert  string         `yaml:"alertname"`
	At     model.Duration `yaml:"eval_time"`
	Firing []struct {
		Labels map[string]string `yaml:"exp_labels"`
	} `yaml:"exp_alerts"`
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: rules RULES.yaml TESTS.yaml DASHBOARD.json")
		os.Exit(2)
	}
	alerts, tests, panels, err := check(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%d alerts, %d tests of them, %d queries of the dashboard\n", alerts, tests, panels)
}

func check(ruleFile, testPath, dashboard string) (alerts, tests, queries int, err error) {
	text, err := os.ReadFile(testPath)
	if err != nil {
		return 0, 0, 0, err
	}
	var file testFile
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return 0, 0, 0, fmt.Errorf("%s: %w", testPath, err)
	}
	if len(file.RuleFiles) != 1 || filepath.Join(filepath.Dir(testPath), file.RuleFiles[0]) != filepath.Clean(ruleFile) {
		return 0, 0, 0, fmt.Errorf("%s: rule_files is not %s", testPath, ruleFile)
	}
	names, err := complete(ruleFile)
	if err != nil {
		return 0, 0, 0, err
	}
	var found []error
	fired, quiet := map[string]bool{}, map[string]bool{}
	for _, t := range file.Tests {
		for _, a := range t.Alerts {
			if !slices.Contains(names, a.Alert) {
				found = append(found, fmt.Errorf("%s: no alert is called %s", t.Name, a.Alert))
			}
			fired[a.Alert] = fired[a.Alert] || len(a.Firing) > 0
			quiet[a.Alert] = quiet[a.Alert] || len(a.Firing) == 0
			tests++
		}
		found = append(found, t.run(ruleFile, time.Duration(file.EvaluationInterval))...)
	}
	for _, name := range names {
		if !fired[name] || !quiet[name] {
			found = append(found, fmt.Errorf("%s: not seen both firing and quiet in %s", name, testPath))
		}
	}
	queries, err = dashboardParses(dashboard)
	return len(names), tests, queries, errors.Join(append(found, err)...)
}

// complete loads the rules strictly and gives the names of the alerts.
func complete(ruleFile string) (names []string, err error) {
	groups, errs := rules.NewManager(options(nil)).LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, ruleFile)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var found []error
	for _, group := range groups {
		for _, rule := range group.Rules() {
			alert, ok := rule.(*rules.AlertingRule)
			if !ok {
				found = append(found, fmt.Errorf("%s: not an alert", rule.Name()))
				continue
			}
			if slices.Contains(names, alert.Name()) {
				found = append(found, fmt.Errorf("%s: there twice", alert.Name()))
			}
			names = append(names, alert.Name())
			severity := rule.Labels().Get("severity")
			if !slices.Contains([]string{"critical", "warning", "info"}, severity) {
				found = append(found, fmt.Errorf("%s: severity is `%s`", alert.Name(), severity))
			}
			for _, annotation := range []string{"summary", "description"} {
				if alert.Annotations().Get(annotation) == "" {
					found = append(found, fmt.Errorf("%s: no %s", alert.Name(), annotation))
				}
			}
			link := "docs/runbook.md#" + strings.ToLower(alert.Name())
			if !strings.HasSuffix(alert.Annotations().Get("runbook_url"), link) {
				found = append(found, fmt.Errorf("%s: runbook_url does not end in %s", alert.Name(), link))
			}
		}
	}
	return names, errors.Join(found...)
}

func options(loader *promqltest.LazyLoader) *rules.ManagerOptions {
	options := &rules.ManagerOptions{
		Context:    context.Background(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		Logger:     slog.New(slog.DiscardHandler),
	}
	if loader != nil {
		options.QueryFunc = rules.EngineQueryFunc(loader.QueryEngine(), loader.Storage())
		options.Appendable = loader.Storage()
	}
	return options
}

// run plays the series of a test minute by minute and looks at the alerts when a test asks.
func (t *test) run(ruleFile string, every time.Duration) (found []error) {
	load := fmt.Sprintf("load %s\n", t.Interval)
	for _, series := range t.InputSeries {
		load += fmt.Sprintf("  %s %s\n", series.Series, series.Values)
	}
	loader, err := promqltest.NewLazyLoader(load, promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true})
	if err != nil {
		return []error{fmt.Errorf("%s: %w", t.Name, err)}
	}
	defer loader.Close()
	groups, errs := rules.NewManager(options(loader)).LoadGroups(every, labels.EmptyLabels(), "", nil, false, ruleFile)
	if len(errs) > 0 {
		return errs
	}
	byName := map[string]*rules.AlertingRule{}
	for _, group := range groups {
		for _, rule := range group.Rules() {
			alert := rule.(*rules.AlertingRule)
			alert.SetRestored(true)
			byName[alert.Name()] = alert
		}
	}
	last := time.Duration(0)
	for _, a := range t.Alerts {
		last = max(last, time.Duration(a.At))
	}
	for at := time.Duration(0); at <= last; at += every {
		now := time.Unix(0, 0).UTC().Add(at)
		loader.WithSamplesTill(now, func(err error) {
			if err != nil {
				found = append(found, fmt.Errorf("%s: %w", t.Name, err))
			}
			for _, group := range groups {
				group.Eval(loader.Context(), now)
			}
		})
		for _, a := range t.Alerts {
			alert, known := byName[a.Alert]
			if time.Duration(a.At) != at || !known {
				continue
			}
			if err := alert.LastError(); err != nil {
				found = append(found, fmt.Errorf("%s: %s: %w", t.Name, a.Alert, err))
			}
			if expected, got := a.expected(), firing(alert); !slices.Equal(expected, got) {
				found = append(found, fmt.Errorf("%s: %s after %s: expected %v, got %v", t.Name, a.Alert, a.At, expected, got))
			}
		}
	}
	return found
}

func (a *expectation) expected() (all []string) {
	for _, alert := range a.Firing {
		all = append(all, labels.FromMap(alert.Labels).String())
	}
	slices.Sort(all)
	return all
}

func firing(rule *rules.AlertingRule) (all []string) {
	for _, alert := range rule.ActiveAlerts() {
		for _, name := range []string{"summary", "description"} {
			if text := alert.Annotations.Get(name); strings.Contains(text, "<error") || strings.Contains(text, "<no value>") {
				all = append(all, text)
			}
		}
		if alert.State == rules.StateFiring {
			all = append(all, labels.NewBuilder(alert.Labels).Del(labels.AlertName).Labels().String())
		}
	}
	slices.Sort(all)
	return all
}

// dashboardParses reads every query of a Grafana dashboard, with its variables filled in.
func dashboardParses(path string) (count int, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	fill := strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$job", ".*", "$service", ".*")
	var found []error
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, child := range node {
				walk(child)
			}
		case map[string]any:
			if query, ok := node["expr"].(string); ok {
				count++
				if _, err := parser.ParseExpr(fill.Replace(query)); err != nil {
					found = append(found, fmt.Errorf("%s: `%s`: %w", path, query, err))
				}
			}
			for _, child := range node {
				walk(child)
			}
		}
	}
	walk(tree)
	return count, errors.Join(found...)
}
