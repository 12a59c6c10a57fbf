#!/usr/bin/env bash
# What a reviewer of a policy change should see: mistakes, failing tests, and what the change opens and
# closes. Writes review.md for a comment, access.sarif and findings.sarif for a code host, tests.xml for
# a test report.
#
#   review.sh BASE [POLICIES [OUT]]
#
# BASE is what the change is compared with, such as origin/main; only what happened since the two parted
# is told. POLICIES is the policy directory (policies), OUT the directory for the reports (.).
#
# Ends with 0 where the policy is in order, whatever it opens: that is for people to judge. With
# REVIEW_EXPECT=closed (or none) it ends with 1 where more is opened (or anything changes) than that.
# Ends with 1 on errors, failing tests and where nothing could be compared. REVIEW_CONFIG names a
# doorward.yaml, for tests that expect headers and for what its issuers read in tokens.
set -uo pipefail

base=${1:?usage: review.sh BASE [POLICIES [OUT]]}
policies=${2:-policies}
out=${3:-.}
failed=0
tested=("$policies")
compared=(--policies "$policies")
if [ -n "${REVIEW_CONFIG:-}" ]; then
    tested=(--config "$REVIEW_CONFIG")
    compared=(--config "$REVIEW_CONFIG")
fi

# Findings, once for the page and once for the code host.
doorward lint "$policies" --format sarif >"$out/findings.sarif"
findings=$(doorward lint "$policies" --color never 2>&1) || { failed=1; }

# A policy may have no tests yet.
tests=
if grep -rqE '^(tests|invariants):' --include='*.yaml' --include='*.yml' "$policies"; then
    doorward test "${tested[@]}" --format junit >"$out/tests.xml"
    tests=$(doorward test "${tested[@]}" --color never 2>&1) || { failed=1; }
fi

expect=()
[ -z "${REVIEW_EXPECT:-}" ] || expect=(--expect "$REVIEW_EXPECT")
doorward diff "$base...HEAD" "${compared[@]}" --format sarif >"$out/access.sarif"
doorward diff "$base...HEAD" "${compared[@]}" "${expect[@]}" --format markdown >"$out/access.md" 2>"$out/access.err"
case $? in
0) ;;
1 | 2) [ -z "${REVIEW_EXPECT:-}" ] || failed=1 ;;
*)
    failed=1
    {
        echo '## Access: not compared'
        echo
        sed 's/^/    /' "$out/access.err"
    } >"$out/access.md"
    ;;
esac

# Output of others stands indented, as code: nothing in it is markup.
{
    cat "$out/access.md"
    printf '\n### Lint\n\n'
    printf '%s\n' "$findings" | sed 's/^/    /'
    if [ -n "$tests" ]; then
        printf '\n### Tests\n\n'
        printf '%s\n' "$tests" | tail -n 40 | sed 's/^/    /'
    fi
} >"$out/review.md"
rm -f "$out/access.md" "$out/access.err"
exit "$failed"
