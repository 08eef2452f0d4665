#!/bin/sh
# Keep one comment on a pull request up to date. It is found again by a mark that no reader sees.
#
# LINE, PULL_REQUEST, GH_TOKEN, GITHUB_REPOSITORY
set -eu
mark='<!-- ml-screen-grader -->'
case $PULL_REQUEST in '' | *[!0-9]*) echo "comment: PULL_REQUEST is not a number" >&2; exit 2 ;; esac
body=$(printf '%s\n`%s`' "$mark" "$LINE")
comments="repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments"
# Of the one that this token belongs to, so that nobody else's comment with the mark in it is ever edited.
mine=$(gh api --paginate "$comments" --jq ".[] | select(.user.type == \"Bot\" and (.body | startswith(\"$mark\"))) | .id" | head -n 1)
if [ -n "$mine" ]; then
    gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$mine" -f body="$body" >/dev/null
else
    gh api --method POST "$comments" -f body="$body" >/dev/null
fi
