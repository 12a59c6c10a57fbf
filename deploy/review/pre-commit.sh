#!/usr/bin/env bash
# A hook for git: keeps mistakes and failing tests out of a commit, and says what it opens. Install it
# with
#
#   cp deploy/review/pre-commit.sh .git/hooks/pre-commit
#
# Only what is staged counts, not what lies about in the work tree.
set -euo pipefail

policies=${DOORWARD_POLICIES:-policies}
git diff --cached --quiet -- "$policies" && exit 0

staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT
git ls-files -z -- "$policies" | git checkout-index -z --stdin --prefix="$staged/"

doorward lint "$staged/$policies"
if grep -rqE '^(tests|invariants):' --include='*.yaml' --include='*.yml' "$staged/$policies"; then
    doorward test "$staged/$policies"
fi
if git rev-parse --verify --quiet HEAD >/dev/null; then
    # To be seen, not to be stopped by; but what can't be compared is no commit.
    code=0
    doorward diff HEAD "$staged/$policies" --policies "$policies" || code=$?
    [ "$code" -le 2 ]
fi
