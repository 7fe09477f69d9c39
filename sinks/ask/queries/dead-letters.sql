-- What keeps going wrong with feeds and pages, by cause; what is still unsolved first.
-- :stage =  Only this stage: poll, read feed, fetch, extract or stage.
-- :outlet =  Only feeds and pages of this outlet.
-- :since TIME = 30d  Only causes that struck since; each with all its failures, earlier ones too.
SELECT stage, error_type, outlet, failures, unsolved, last_at, message, last_input
FROM failure_causes
WHERE last_at >= $since
  AND ($stage IS NULL OR stage = $stage)
  AND ($outlet IS NULL OR outlet = $outlet)
ORDER BY unsolved DESC, failures DESC, last_at DESC, stage, error_type, outlet
