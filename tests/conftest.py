pytest_plugins = ["tests.support.object_store_fixture"]
