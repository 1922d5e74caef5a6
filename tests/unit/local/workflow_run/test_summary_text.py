"""What a terminal shows of a job summary."""

from __future__ import annotations

from azureml_local.workflow_run.summary_text import plain

SUMMARY = """\
<!-- a mark -->
### ✅ taxi-train: Completed after 21.2 s

job `taxi-1` · [studio](https://ml.azure.com/runs/taxi-1?wsid=/a) · **version 2**

#### Metrics

| Metric | Value | Champion (version 1) |
| --- | ---: | --- |
| `test_rmse` | 1.9811 | 2.0102 |
| a \\| b | **1** | - |

Why: test\\_rmse \\[1.9811\\] is better.

```mermaid
flowchart LR
  s0 --> s1
```

```json
[1, 2]
```

<details><summary>Log of <code>prep</code></summary>

```text
| not | a table |
```

</details>
"""


def test_a_summary_without_its_markup() -> None:
    assert (
        plain(SUMMARY)
        == """\
✅ taxi-train: Completed after 21.2 s

job taxi-1 · studio · version 2

Metrics
Metric     Value   Champion (version 1)
─────────  ──────  ────────────────────
test_rmse  1.9811  2.0102
a | b      1       -

Why: test_rmse [1.9811] is better.

    [1, 2]

Also in the file: Log of prep, a diagram"""
    )


def test_nothing_is_left_of_what_is_all_folded_away() -> None:
    folded = "<details><summary>Settings of this run</summary>\n\n| a | b |\n| --- | --- |\n\n</details>\n"
    assert plain(folded) == ""


def test_summaries_of_several_steps_stand_apart() -> None:
    assert plain("### one\n\n| a |\n| --- |\n### two\n") == "one\n\na\n─\n\ntwo"


def test_code_blocks_keep_their_marks_and_their_links() -> None:
    assert plain("```bash\n# **[a](b)** `c`\n```\n") == "    # **[a](b)** `c`"


def test_an_empty_summary() -> None:
    assert plain("\n") == ""
