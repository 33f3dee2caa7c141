-- Rows by the state that people see, so that no count has to be set right.
(
    SELECT
        * EXCEPT (is_restated),
        toUInt8(0) AS is_restated
    FROM
        --: source
)
