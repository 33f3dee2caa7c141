DELETE FROM otel.purge_selection WHERE purge = {purge:String}
