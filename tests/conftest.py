pytest_plugins = ["tests.object_store_fixture"]
