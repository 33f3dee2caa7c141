-- Executions of the same long ranges, for what asks for neither hours, workers nor exceptions, but for percentiles: whole
-- days as one row per group where they are known, else hours, and what is recent as one row per group.
(
    --: report_rows_of_days
    UNION ALL
    --: report_rows_of_hours
    UNION ALL
    --: report_rows_recent
)
