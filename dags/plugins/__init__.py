"""What Airflow's plugin loader reads (`[core] plugins_folder`)."""
