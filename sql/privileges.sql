-- PUBLIC calls nothing, and only the owner reaches tables. Run after the functions.
REVOKE ALL ON SCHEMA emailgw FROM PUBLIC, emailgw_module, emailgw_sender;
REVOKE ALL ON ALL TABLES IN SCHEMA emailgw FROM PUBLIC, emailgw_module, emailgw_sender;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA emailgw FROM PUBLIC, emailgw_module, emailgw_sender;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA emailgw FROM PUBLIC, emailgw_module, emailgw_sender;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA emailgw_api FROM PUBLIC;
