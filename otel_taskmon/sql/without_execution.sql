state IN ('SENT', 'RECEIVED', 'STARTED') OR (state = 'FAILURE' AND execution_id = '')
